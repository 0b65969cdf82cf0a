"""Records and transactions: the contract, with TinyDB and a journal behind it, or PostgreSQL (`postgres/`). No rules."""
