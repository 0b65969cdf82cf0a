"""Calls about the server itself: its state, its events, its version."""
