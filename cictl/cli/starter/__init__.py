"""The first project file of a repository: what kind of code is there, and the jobs that build and test it."""
