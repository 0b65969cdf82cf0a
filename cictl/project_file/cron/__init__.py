"""The language of cron: what may be written, and when it comes."""
