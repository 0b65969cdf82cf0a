"""Tokens, secrets, who the caller is, and who did what."""
