"""The store in PostgreSQL. Imported only when a server is told to use it."""
