"""Records and transactions: the contract, and TinyDB with a journal behind it. No rules."""
