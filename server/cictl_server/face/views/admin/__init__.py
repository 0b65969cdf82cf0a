"""The pages for admins: tokens, audit, retention, secrets and Vault, the server itself."""
