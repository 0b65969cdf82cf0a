"""Logs that several servers share: pieces in PostgreSQL while an execution runs, a blob once it is over."""
