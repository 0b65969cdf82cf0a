"""Wakes waiting requests when something changed, and bounds how many may wait."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cictl_server.errors import NoCapacity
from cictl_server.services.core.places import Places

QUEUE = "queue"
"""Topic: an execution became leasable."""

EVENTS = "events"
"""Topic: the event log has more."""

AUDIT = "audit"
"""Topic: the audit has another record."""

_ALL_TAKEN = "all places for waiting requests are taken"
IsOver = Callable[[], bool]
_LOOK_SECONDS = 2.0


def job_topic(number: int) -> str:
    """Topic: the state or the log of one execution changed."""
    return f"job:{number}"


class Hub(Places):
    """Where waiting requests and the changes they wait for meet. Its places are for them.

    A waiter clears its watch, looks at the state, and only then waits. The order matters: a change between the look and
    the wait sets the watch, so it is not missed. Clearing after the look would lose it.
    """

    def __init__(self, *, places: int) -> None:
        """Allow *places* requests to wait at once; each of them holds a server thread."""
        super().__init__(places=places, refusal=_ALL_TAKEN)
        self._watches: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the server is stopping; waiters must return then."""
        return self._closed

    def is_watched(self, topic: str) -> bool:
        with self._lock:
            return topic in self._watches

    def publish(self, topic: str) -> None:
        with self._lock:
            watches = list(self._watches.get(topic, ()))
        for watch in watches:
            watch.set()

    @contextmanager
    def watch(self, topic: str) -> Iterator[threading.Event]:
        """Yield an event that each `publish` of *topic* sets."""
        event = threading.Event()
        with self._lock:
            self._watches[topic].add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._watches[topic].discard(event)
                if not self._watches[topic]:
                    del self._watches[topic]

    @staticmethod
    def wait(watch: threading.Event, seconds: float, *, is_over: IsOver) -> bool:
        """Wait for *watch*, and tell whether it was set, or the waiter's time is over.

        Args:
            is_over: Asked every other second: whether the waiter may wait no more, because its token was revoked.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if watch.wait(min(left, _LOOK_SECONDS)) or is_over():
                return True
        return False

    def take_place(self) -> None:
        """Count the caller as waiting until `leave_place`.

        Raises:
            NoCapacity: All places are taken, or the server is stopping.
        """
        if self._closed:
            raise NoCapacity(_ALL_TAKEN)
        super().take_place()

    def close(self) -> None:
        """Wake everybody and let nobody wait any more."""
        with self._lock:
            self._closed = True
            watches = [w for group in self._watches.values() for w in group]
        for watch in watches:
            watch.set()
