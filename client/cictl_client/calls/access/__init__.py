"""Calls about who may do what, who did what, and the secrets of jobs."""
