"""The stream of events: what changed on the server, for clients that follow it and resume."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

from cictl.wire.events import EventKind
from cictl_server.services.core.hub import Following, Hub, IsOver
from cictl_server.signals.contract import Feed, Happening
from cictl_server.signals.topics import EVENTS
from cictl_server.signals.waits import Awaited

GATHER_SECONDS = 0.05
"""Events that come so close together are told together: then many followers cost little."""


_SPAN_SECONDS = 0.025
"""So long followers who look one after the other are told the same, as far as they had been told the same before."""


class News:
    """What followers are told. All who look within one span are told up to the same event, so that it is put together once."""

    def __init__(self, feed: Feed, now: Callable[[], float] = time.monotonic) -> None:
        self._feed = feed
        self._now = now
        self._lock = threading.Lock()
        self._end = 0
        self._until = 0.0
        self._known: dict[int, list[Happening]] = {}

    def after(self, number: int) -> list[Happening] | None:
        """Return the events after *number* as `Feed.after` does, the same list for all; none of later ones than others were told just now.

        Who was told as much as they were is told everything.
        """
        now = self._now()
        with self._lock:
            if now >= self._until or number >= self._end:
                self._end, self._until = self._feed.last_number(), now + _SPAN_SECONDS
                self._known.clear()
            known = self._known.get(number)
            if known is not None:
                return known
            found = self._feed.after(number)
            if found is None:
                return None
            self._known[number] = told = [event for event in found if event.number <= self._end]
            return told


class EventLog:
    """The latest events. A client that missed more than are kept gets a `reset` event."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self._hub = hub
        self._feed = feed
        self._news = News(feed)

    def add(self, kind: EventKind, subject: str) -> None:
        self._feed.add(kind, subject)

    def last_number(self) -> int:
        """Return the number after which only later events come."""
        return self._feed.last_number()

    def follow(
        self, *, after: int, is_over: IsOver = lambda: False, gather_seconds: float = GATHER_SECONDS
    ) -> Generator[list[Happening] | Awaited | None, None, None]:
        """Yield the events after number *after*, known ones first; yield None after 15 seconds without one.

        Between them comes what is awaited, see `signals.waits`. Followers may share a list, so nobody changes it.

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
                early = following.seconds_too_early(gather_seconds)
                if early and not is_closing and self._feed.last_number() > last:
                    yield Awaited(watch=None, seconds=early)
                    continue
                fresh = self._news.after(last)
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
