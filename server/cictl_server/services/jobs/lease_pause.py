"""The pause of leases while the server is about to be replaced."""

from __future__ import annotations

import threading
from datetime import datetime

from cictl.base.clock import Clock
from cictl_server.services.core.hub import Hub
from cictl_server.signals.topics import QUEUE


class LeasePause:
    """A time in which no agent gets a job.

    It ends by itself: if the updater never comes, the agents get work again. Other servers on the same data are not replaced
    with this one, so they go on giving work: the pause is of this process alone.
    """

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._lock = threading.Lock()
        self._until: datetime | None = None

    @property
    def is_on(self) -> bool:
        until = self._until
        return until is not None and self._clock() < until

    def begin(self, until: datetime) -> None:
        """Pause until *until*, and answer the agents that wait for a job."""
        with self._lock:
            self._until = until
        self._hub.publish(QUEUE)

    def end(self) -> None:
        with self._lock:
            self._until = None
        self._hub.publish(QUEUE)
