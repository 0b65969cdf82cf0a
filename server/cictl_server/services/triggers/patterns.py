"""The lists of patterns in the project file's `on`, and what they take."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.base.globs import GlobSet


class PatternList:
    """Patterns of names or paths. `**` crosses slashes, `!` in front excludes, and the last one that matches decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read patterns that the rules of the project file accept."""
        self._rules = [(GlobSet([pattern.removeprefix("!")]), not pattern.startswith("!")) for pattern in patterns]

    def takes(self, name: str) -> bool:
        return next((is_taken for globs, is_taken in reversed(self._rules) if globs.matches(name)), False)
