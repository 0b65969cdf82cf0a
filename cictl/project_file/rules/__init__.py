"""Rules beyond the shape of a file: one module for each level of it, and what they share. Shapes are checked in `structure`."""
