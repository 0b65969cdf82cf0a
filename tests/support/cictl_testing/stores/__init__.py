"""Stores of tests, their records and their disks."""
