"""A job's log on its way to the server, and the word that comes back. What the agent itself logs goes to `logging`."""
