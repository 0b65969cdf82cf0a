"""What is done with projects beyond one call: the icon."""
