"""granian in the place of waitress: an extra, quicker, and with TLS."""
