"""What asks the operating system: processes, files and the environment."""
