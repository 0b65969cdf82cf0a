"""Blobs: bytes under a key. Artifacts, reports, icons and finished logs are kept so, in a directory or in an S3 bucket."""
