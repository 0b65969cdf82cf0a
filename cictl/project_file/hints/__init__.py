"""What is allowed in a file and yet hardly meant: `lint` warns of it, and the import takes it."""
