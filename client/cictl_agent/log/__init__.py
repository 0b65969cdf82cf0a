"""A job's log on its way to the server, and what the server answers. The agent's own log goes to `logging` instead."""
