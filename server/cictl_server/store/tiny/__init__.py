"""The store in files: documents of TinyDB in memory, a journal and a snapshot on the disk."""
