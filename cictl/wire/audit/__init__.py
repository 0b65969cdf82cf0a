"""The audit: its records, and the chain that they make."""
