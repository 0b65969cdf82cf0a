"""A managed installation: one virtual environment a version, links that say which runs. Knows nothing else of ours."""
