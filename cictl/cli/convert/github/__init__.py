"""Workflows of GitHub Actions, and of Forgejo and Gitea, which speak the same language."""
