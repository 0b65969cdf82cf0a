"""The container that a job's steps run in, and the engine's command line. What runs inside is left to `job.steps`."""
