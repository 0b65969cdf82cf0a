"""Tokens, and who the caller is."""
