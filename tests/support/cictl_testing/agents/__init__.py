"""Agents of tests: models, agents in threads, and the programs they meet."""
