"""Where waiting requests and the changes they wait for meet, and how many may wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from cictl_server.errors import NoCapacity
from cictl_server.services.core.places import Places
from cictl_server.signals.contract import Wakes

IsOver = Callable[[], bool]
KEEPALIVE_SECONDS = 15.0
"""After this time without news, a follower's client is told that the connection lives."""

_LOOK_SECONDS = 2.0


class Hub(Places):
    """The waiting requests of this server. Its places are for them.

    A waiter clears its watch, looks at the state, and only then waits. The order matters: a change between the look and
    the wait sets the watch, so it is not missed. Clearing after the look would lose it.
    """

    def __init__(self, wakes: Wakes, *, places: int) -> None:
        """Allow *places* requests to wait at once; each of them holds a server thread."""
        super().__init__(places=places, use="waiting requests")
        self._wakes = wakes
        self._news = ExitStack()
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the server is stopping; waiters must return then."""
        return self._closed

    def is_watched(self, topic: str) -> bool:
        return self._wakes.is_watched(topic)

    def publish(self, topic: str) -> None:
        self._wakes.publish(topic)

    def watch(self, topic: str) -> AbstractContextManager[threading.Event]:
        """Yield an event that each `publish` of *topic* sets; now and then it is set without one."""
        return self._wakes.watch(topic)

    def news(self, topic: str) -> threading.Event:
        """Return an event that is set, and that each `publish` of *topic* sets again, as long as the server lives.

        Whoever keeps something that *topic* tells of clears it, looks, and need not look again until it is set.
        """
        event = self._news.enter_context(self._wakes.watch(topic))
        event.set()
        return event

    def take_place(self, caller: str) -> None:
        """Count *caller* as waiting until `leave_place`.

        Raises:
            NoCapacity: As `Places.take_place`, or the server is stopping.
        """
        if self._closed:
            raise NoCapacity("the server is stopping")
        super().take_place(caller)

    def close(self) -> None:
        """Wake everybody and let nobody wait any more."""
        self._closed = True
        self._wakes.wake_all()
        self._news.close()


class Following:
    """The waiting of one follower, whose client must hear something at least every `KEEPALIVE_SECONDS`."""

    def __init__(self, watch: threading.Event, *, is_over: IsOver) -> None:
        """Wait for *watch*.

        Args:
            is_over: Asked every other second: whether the follower may follow no more, because its token was revoked.
        """
        self._watch = watch
        self._is_over = is_over
        self._due = time.monotonic() + KEEPALIVE_SECONDS

    def told(self) -> None:
        """Note that the client was just told something."""
        self._due = time.monotonic() + KEEPALIVE_SECONDS

    def wait(self) -> bool:
        """Wait until it is time to look again; return False if the client must be told that the connection lives.

        A wake without news leaves that time as it is, so clients hear of us however often the follower looks in vain.
        """
        while (left := self._due - time.monotonic()) > 0:
            if self._watch.wait(min(left, _LOOK_SECONDS)) or self._is_over():
                return True
        self.told()
        return False
