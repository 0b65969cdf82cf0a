"""HTTP clients: `session` for most uses, `probe` for a single quick request. `session` is slow to import."""
