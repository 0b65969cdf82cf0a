"""Servers that are not ours, or that do as a test tells them."""
