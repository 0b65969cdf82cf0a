"""Whether the clock was set: by somebody, by a time server, or because the machine slept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cictl.base.clock import Clock

_LEAST = timedelta(seconds=5)
"""Less than this is a busy machine, and harms nobody."""

Steady = Callable[[], float]
"""Seconds that never jump, from any beginning."""


class ClockWatch:
    """Compares the clock with one that can't be set."""

    def __init__(self, clock: Clock, *, steady: Steady) -> None:
        self._clock = clock
        self._steady = steady
        self._then = (clock(), steady())

    def jump(self) -> timedelta:
        """Return by how much the clock was set since the last call, negative if it was set back; zero if it was not."""
        before, since = self._then
        now, seconds = self._then = self._clock(), self._steady()
        jump = now - before - timedelta(seconds=seconds - since)
        return jump if abs(jump) >= _LEAST else timedelta()
