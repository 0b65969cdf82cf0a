"""The rules beyond the shape of a file, a module for each level of it, and what they share. `structure` checks shapes."""
