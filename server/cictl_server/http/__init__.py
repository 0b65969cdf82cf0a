"""What the resources share of HTTP: bodies, parameters, errors, files, streams, conditional requests."""
