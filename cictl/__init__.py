"""cictl: CI/CD that you drive from a terminal."""

__version__ = "0.1.0"
