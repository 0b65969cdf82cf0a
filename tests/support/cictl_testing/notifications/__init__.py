"""Receivers of notifications, and the verbs of tests about them."""
