"""Leases that wait, and hold no thread."""
