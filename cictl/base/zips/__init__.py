"""Zips without copies: how their files are packed, read from where they are, and written where they will stay."""
