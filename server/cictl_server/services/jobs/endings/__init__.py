"""What ends a job, other than its agent, or removes it."""
