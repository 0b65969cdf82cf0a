"""Sets of names that are read anew each time, and stay the same object while they are equal."""

from __future__ import annotations

from collections.abc import Iterable


class SameSet:
    """One set of this process. Who made something of it sees by the object that nothing changed."""

    def __init__(self) -> None:
        self._last: frozenset[str] = frozenset()

    def same(self, names: Iterable[str]) -> frozenset[str]:
        """Return *names*, as the object that was returned last if that is equal."""
        found = frozenset(names)
        if found != self._last:
            self._last = found
        return self._last
