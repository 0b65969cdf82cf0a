"""What the targets in `tests/fuzz` share: how long each is tried, and how their inputs are made."""
