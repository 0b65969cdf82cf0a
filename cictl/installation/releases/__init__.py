"""Releases: where they come from, and how they are told to be whole. Not how a version is built or switched to."""
