"""The memory for what requests bring, which they share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cictl_server.errors import NoCapacity

TOTAL_BYTES = 64 << 20
QUEUE = 16
"""How many wait for memory. Each holds a server thread, so this stays below `SPARE_THREADS` of `serve`."""

QUEUE_SECONDS = 30.0
"""How long they wait: long enough for those before them, and shorter than clients wait for an answer."""


class SharedMemory:
    """A number of bytes, of which each request takes a share before it unpacks what it brought.

    A request that wants more than all of it gets all of it, alone.
    """

    def __init__(
        self, *, total_bytes: int = TOTAL_BYTES, queue: int = QUEUE, queue_seconds: float = QUEUE_SECONDS
    ) -> None:
        self._total = self._free = total_bytes
        self._queue_seconds = queue_seconds
        self._seats = threading.BoundedSemaphore(queue)
        self._news = threading.Condition()

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Hold *size* bytes during the block.

        Raises:
            NoCapacity: They did not become free in time, or too many wait already.
        """
        wanted = min(size, self._total)
        self._take(wanted)
        try:
            yield
        finally:
            with self._news:
                self._free += wanted
                self._news.notify_all()

    def _take(self, wanted: int) -> None:
        with self._news:
            if self._free >= wanted:
                self._free -= wanted
                return
        if self._seats.acquire(blocking=False):
            try:
                with self._news:
                    if self._news.wait_for(lambda: self._free >= wanted, timeout=self._queue_seconds):
                        self._free -= wanted
                        return
            finally:
                self._seats.release()
        raise NoCapacity("too many large bodies at once")
