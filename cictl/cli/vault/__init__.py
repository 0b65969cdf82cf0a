"""What is done with vaults: diagnosis, and reading a secret id."""
