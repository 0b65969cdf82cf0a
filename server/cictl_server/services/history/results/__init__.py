"""What ends of runs say of their branches, and whom that is told."""
