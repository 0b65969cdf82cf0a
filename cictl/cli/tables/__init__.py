"""The columns of each noun and what its cells say; how a table is drawn belongs to output."""
