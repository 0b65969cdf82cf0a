"""Commands about tokens, secrets and the audit: who may do what, who you are, and who did what."""
