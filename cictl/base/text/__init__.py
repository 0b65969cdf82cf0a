"""Text: its characters, its patterns, and what people write and read of numbers."""
