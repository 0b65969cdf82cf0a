"""Where waiting requests and the changes they wait for meet, and how many may wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from cictl_server.errors import NoCapacity
from cictl_server.services.core.limits.places import Places
from cictl_server.signals.contract import Wakes
from cictl_server.signals.waits import Awaited, Watch

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
        """Allow *places* requests to wait at once."""
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

    def watch(self, topic: str, *, only_told: bool = False) -> AbstractContextManager[Watch]:
        """Yield an event that each `publish` of *topic* sets; now and then it is set without one, unless *only_told*."""
        return self._wakes.watch(topic, only_told=only_told)

    def news(self, topic: str) -> Watch:
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

    def __init__(self, watch: Watch, *, is_over: IsOver) -> None:
        """Wait for *watch*.

        Args:
            is_over: Asked every other second: whether the follower may follow no more, because its token was revoked.
        """
        self._watch = watch
        self._is_over = is_over
        self._due = time.monotonic() + KEEPALIVE_SECONDS
        self._told_at = 0.0

    def told(self) -> None:
        """Note that the client was just told something."""
        self._told_at = time.monotonic()
        self._due = self._told_at + KEEPALIVE_SECONDS

    def seconds_too_early(self, gather_seconds: float) -> float:
        """Return how long news are still gathered, because the client was told something less than *gather_seconds* ago; else 0."""
        return max(0.0, self._told_at + gather_seconds - time.monotonic())

    def wait(self, *, gather_seconds: float = 0.0) -> Iterator[Awaited | None]:
        """Yield what is awaited until it is time to look again; last None if the client must be told that the connection lives.

        A wake without news leaves that time as it is, so clients hear of us however often the follower looks in vain.

        Args:
            gather_seconds: News that come within so many seconds after the last ones are told together.
        """
        while (left := self._due - time.monotonic()) > 0:
            least = self.seconds_too_early(gather_seconds)
            yield Awaited(watch=self._watch, seconds=min(left, _LOOK_SECONDS), least=least)
            if self._watch.is_set() or self._is_over():
                return
        self.told()
        yield None
