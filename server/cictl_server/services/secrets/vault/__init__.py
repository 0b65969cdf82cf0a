"""Vault: connections, the client, tokens, outages. `secrets/lease_secrets.py` brings them into jobs."""
