"""What is for browsers alone: the cookie of whoever is logged in, and the server's own pages."""
