"""What differs between operating systems, and running programs on them. Nothing here knows of jobs' fields or of the server."""
