"""Installations of tests: versions, machines, and what keeps them running."""
