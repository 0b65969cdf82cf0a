"""Files of other CIs, told as project files: what has an equal is said, and the rest stands there as a comment."""
