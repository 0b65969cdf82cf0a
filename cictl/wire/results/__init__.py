"""What a job leaves behind: artifacts, logs, test reports."""
