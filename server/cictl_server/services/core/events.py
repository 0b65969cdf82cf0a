"""The stream of events: what changed on the server, for clients that follow it and resume."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from cictl.wire.events import EventKind
from cictl_server.services.core.hub import EVENTS, Hub, IsOver

_KEPT = 4096
_KEEPALIVE_SECONDS = 15.0


@dataclass(frozen=True)
class Happening:
    """One event of the stream: its number, its kind, and the id of what changed."""

    number: int
    kind: EventKind
    subject: str


class EventLog:
    """The latest events, in memory only. A client that missed more than are kept gets a `reset` event."""

    def __init__(self, hub: Hub, *, first: int) -> None:
        """Count from *first*, which must exceed every number of an earlier server: nanoseconds of the clock do."""
        self._hub = hub
        self._lock = threading.Lock()
        self._events: deque[Happening] = deque(maxlen=_KEPT)
        self._next = first

    def add(self, kind: EventKind, subject: str) -> None:
        with self._lock:
            self._events.append(Happening(self._next, kind, subject))
            self._next += 1
        self._hub.publish(EVENTS)

    def follow(self, *, after: int | None, is_over: IsOver = lambda: False) -> Iterator[Happening | None]:
        """Yield the events after number *after*, known ones first; yield None after 15 seconds without one.

        If some of the events after *after* are forgotten, a `reset` event comes first: the client must read everything
        anew. Without *after*, only later events come. The iterator ends when the server stops, and soon after *is_over*.
        """
        with self._lock:
            last = self._next - 1
            oldest = self._events[0].number if self._events else self._next
        if after is not None:
            if after < oldest - 1 or after > last:
                yield Happening(last, EventKind.RESET, "")
            else:
                last = after
        with self._hub.watch(EVENTS) as watch:
            while True:
                watch.clear()
                is_closing = self._hub.is_closed
                if is_over():
                    return
                fresh = self._after(last)
                yield from fresh
                if fresh:
                    last = fresh[-1].number
                elif is_closing:
                    return
                elif not self._hub.wait(watch, _KEEPALIVE_SECONDS, is_over=is_over):
                    yield None

    def _after(self, number: int) -> list[Happening]:
        """Return the known events with higher numbers. Numbers are consecutive, so their place is computed."""
        with self._lock:
            if not self._events:
                return []
            start = max(0, number + 1 - self._events[0].number)
            return list(islice(self._events, start, None))
