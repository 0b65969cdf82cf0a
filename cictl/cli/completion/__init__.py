"""Completion in shells: words, names from the server, scripts; the shell code is in templates/."""
