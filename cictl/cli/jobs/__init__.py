"""What is done with job executions: wait, explain, remove, download; their tables and logs have rooms of their own."""
