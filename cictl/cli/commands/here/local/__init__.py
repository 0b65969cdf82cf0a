"""A server and an agent inside the command: for the demo, and for runs of a working tree."""
