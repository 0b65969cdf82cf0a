"""What a run would do: preview and version; running is in commands.run, waiting in jobs."""
