"""The connection to PostgreSQL that everything which is kept there shares: address, pool, schema. It knows no records.

Imported only when a server is told to use PostgreSQL: `psycopg` is an extra, and takes 0.3 s to import.
"""
