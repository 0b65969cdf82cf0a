"""What people order of the queue as a whole: what goes first, how much runs at once, what is given out to nobody."""
