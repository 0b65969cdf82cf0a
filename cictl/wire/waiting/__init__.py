"""Why a job waits, and for what."""
