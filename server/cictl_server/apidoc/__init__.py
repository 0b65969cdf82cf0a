"""What the API is described by, and the documents that are made from that."""
