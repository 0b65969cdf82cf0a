"""Secrets from Vault: the connections, the client, the tokens. `services/secrets.py` brings them into jobs."""
