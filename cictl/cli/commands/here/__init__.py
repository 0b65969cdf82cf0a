"""Commands that run on this machine and call no API; whatever asks a server through the client is beside it."""
