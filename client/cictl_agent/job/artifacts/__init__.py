"""The files that a job keeps: which ones, and how they reach the server. How patterns match is in `cictl.base.text.globs`."""
