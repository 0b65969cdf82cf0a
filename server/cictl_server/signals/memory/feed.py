"""The events of one server, in its memory."""

from __future__ import annotations

import threading

from cictl.base.clock import Clock
from cictl.wire.events import EventKind
from cictl_server.signals.contract import Feed, Happening, Wakes
from cictl_server.signals.recent import RecentEvents
from cictl_server.signals.topics import EVENTS


class MemoryFeed(Feed):
    """Numbers are consecutive. They begin with nanoseconds of the clock, and so above those of every earlier start."""

    def __init__(self, wakes: Wakes, clock: Clock) -> None:
        self._wakes = wakes
        self._lock = threading.Lock()
        self._last = int(clock().timestamp() * 1_000_000) * 1000
        self._recent = RecentEvents(forgotten=self._last)

    def add(self, kind: EventKind, subject: str) -> None:
        with self._lock:
            self._last += 1
            self._recent.append([Happening(self._last, kind, subject)])
        self._wakes.publish(EVENTS)

    def last_number(self) -> int:
        return self._recent.last_number()

    def after(self, number: int) -> list[Happening] | None:
        return self._recent.after(number)
