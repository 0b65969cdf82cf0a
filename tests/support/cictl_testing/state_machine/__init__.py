"""A server under a state machine: what may be done to it, and what it promises whatever is done."""
