"""What a job waits for: other jobs, their files, another pipeline."""
