"""Processes of cictl that begin as forks of one that has imported everything: most of what a short command costs is imports."""
