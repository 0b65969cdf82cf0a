"""Logs, events and versions as they grow, through broken connections and restarts of the server."""
