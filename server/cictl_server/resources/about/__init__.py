"""The server itself: its state, events, metrics and version, and the description of its API."""
