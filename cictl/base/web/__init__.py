"""HTTP as a client speaks it: `session` for everything, and `probe` where starting costs more than asking."""
