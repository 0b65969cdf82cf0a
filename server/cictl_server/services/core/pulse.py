"""The sign that the background work of the server still runs."""

from __future__ import annotations

from datetime import timedelta

from cictl.base.clock import Clock

INTERVAL_SECONDS = 5.0
"""How often the background work makes a pass."""


class Pulse:
    """The time of the last maintenance pass."""

    def __init__(self, clock: Clock) -> None:
        """Begin as if a pass had just ended."""
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        self._last = self._clock()

    @property
    def age(self) -> timedelta:
        """The time since the last pass."""
        return self._clock() - self._last
