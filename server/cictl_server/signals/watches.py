"""The waiters of one server, by what they wait for."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from cictl_server.signals.contract import Wakes
from cictl_server.signals.waits import Watch


class LocalWakes(Wakes):
    """Wakes the waiters of this process. That is all there is to it for a server that is alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)

    def publish(self, topic: str) -> None:
        with self._lock:
            watches = list(self._watches.get(topic, ()))
        for watch in watches:
            watch.set()

    @contextmanager
    def watch(self, topic: str, *, only_told: bool = False) -> Iterator[Watch]:
        event = Watch(only_told=only_told)
        with self._lock:
            self._watches[topic].add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._watches[topic].discard(event)
                if not self._watches[topic]:
                    del self._watches[topic]

    def is_watched(self, topic: str) -> bool:
        with self._lock:
            return topic in self._watches

    def wake_all(self) -> None:
        with self._lock:
            watches = [watch for group in self._watches.values() for watch in group if not watch.only_told]
        for watch in watches:
            watch.set()
