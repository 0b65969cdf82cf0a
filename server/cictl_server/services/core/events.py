"""The stream of events: what changed on the server, for clients that follow it and resume."""

from __future__ import annotations

from collections.abc import Generator

from cictl.wire.events import EventKind
from cictl_server.services.core.hub import Following, Hub, IsOver
from cictl_server.signals.contract import Feed, Happening
from cictl_server.signals.topics import EVENTS
from cictl_server.signals.waits import Awaited

GATHER_SECONDS = 0.05
"""Events that come so close together are told together: then many followers cost little."""


class EventLog:
    """The latest events. A client that missed more than are kept gets a `reset` event."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self._hub = hub
        self._feed = feed

    def add(self, kind: EventKind, subject: str) -> None:
        self._feed.add(kind, subject)

    def last_number(self) -> int:
        """Return the number after which only later events come."""
        return self._feed.last_number()

    def follow(
        self, *, after: int, is_over: IsOver = lambda: False, gather_seconds: float = GATHER_SECONDS
    ) -> Generator[list[Happening] | Awaited | None, None, None]:
        """Yield the events after number *after*, known ones first; yield None after 15 seconds without one.

        Between them comes what is awaited, see `signals.waits`.

        If some of the events after *after* are forgotten, a `reset` event comes first: the client must read everything
        anew. So it is for a client that reads too slowly. The iterator ends when the server stops, and soon after *is_over*.

        Args:
            gather_seconds: Events that come within so many seconds after the last ones are told together.
        """
        last = after
        with self._hub.watch(EVENTS) as watch:
            following = Following(watch, is_over=is_over)
            while True:
                watch.clear()
                is_closing = self._hub.is_closed
                if is_over():
                    return
                fresh = self._feed.after(last)
                if fresh is None:
                    fresh = [Happening(self._feed.last_number(), EventKind.RESET, "")]
                if fresh:
                    yield fresh
                    last = fresh[-1].number
                    following.told()
                elif is_closing:
                    return
                else:
                    yield from following.wait(gather_seconds=gather_seconds)
