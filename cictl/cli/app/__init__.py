"""The frame of every command: session, settings, failures, exit codes; nothing that is about one noun."""
