"""Blobs in a bucket of S3 or of what speaks like it, through `obstore`. Importing this package loads that, an extra of cictl."""
