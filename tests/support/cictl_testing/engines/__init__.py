"""Real container engines for tests, an image for them, and a registry; the stand-in engine is in `agents`."""
