"""The sign that the server's background work goes on."""

from __future__ import annotations

from datetime import timedelta

from cictl.base.clock import Clock

INTERVAL_SECONDS = 5.0
"""How often the background work makes a pass."""


class Pulse:
    """When maintenance last made a pass."""

    def __init__(self, clock: Clock) -> None:
        """Begin as if one had been made now."""
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        self._last = self._clock()

    @property
    def age(self) -> timedelta:
        """How long the last pass is over."""
        return self._clock() - self._last
