"""What is for browsers alone: the cookie of whoever is logged in, and which requests want a page."""
