"""Secrets that the server keeps itself, sealed."""
