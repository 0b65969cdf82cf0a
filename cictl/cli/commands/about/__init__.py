"""Commands about the server itself: its state, its version, its API."""
