"""The latest events, in the memory of one server."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from cictl_server.signals.contract import Happening

KEPT = 4096
"""How many events are remembered."""


class RecentEvents:
    """The latest events by number, and up to where the earlier ones are forgotten."""

    def __init__(self, *, forgotten: int) -> None:
        """Know no event up to number *forgotten*, and none after it yet."""
        self._lock = threading.Lock()
        self._events: deque[Happening] = deque()
        self._forgotten = forgotten

    def append(self, events: Iterable[Happening]) -> None:
        """Add events with higher numbers than all that are here."""
        with self._lock:
            self._events.extend(events)
            while len(self._events) > KEPT:
                self._forgotten = self._events.popleft().number

    def begin_anew(self, *, forgotten: int) -> None:
        """Forget everything up to number *forgotten*, which is higher than all that are here."""
        with self._lock:
            self._events.clear()
            self._forgotten = forgotten

    def last_number(self) -> int:
        with self._lock:
            return self._last()

    def after(self, number: int) -> list[Happening] | None:
        """Return the events with higher numbers; None if some are forgotten or *number* lies in the future."""
        with self._lock:
            if number < self._forgotten or number > self._last():
                return None
            # From the newest on: few have come since the last look, and to find a place inside a deque means to walk there.
            newer = list(takewhile(lambda event: event.number > number, reversed(self._events)))
            newer.reverse()
            return newer

    def _last(self) -> int:
        return self._events[-1].number if self._events else self._forgotten
