"""The calls for what a job leaves behind."""
