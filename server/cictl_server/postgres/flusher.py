"""Waiting for the disk of the database, together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future


class Flusher:
    """The flushes of one server. Threads that wait at the same time share one.

    Attributes:
        flushes: How many there were, also those of which `note` was told, and `seconds` how long they took in all.
    """

    def __init__(self, flush: Callable[[], str]) -> None:
        """Share calls of *flush*, which returns once everything is durable that was committed before it began."""
        self._flush = flush
        self._lock = threading.Lock()
        self._next: Future[str] | None = None
        """The flush that has not begun yet, and that every commit up to now may share."""
        self._turn = threading.Lock()
        self.flushes = 0
        self.seconds = 0.0

    def wait(self) -> str:
        """Return what a flush returned that began after this was called.

        Raises:
            StoreError: That flush failed, for all who share it alike.
        """
        with self._lock:
            shared = self._next
            if shared is None:
                mine = self._next = Future()
        return self._lead(mine) if shared is None else shared.result()

    def note(self, seconds: float) -> None:
        """Count a flush that took *seconds*, and that somebody else made along with what it flushed."""
        with self._lock:
            self.flushes += 1
            self.seconds += seconds

    def _lead(self, mine: Future[str]) -> str:
        """Flush for all who share *mine*, after the flush before it."""
        with self._turn:
            with self._lock:
                self._next = None
            begun = time.perf_counter()
            try:
                mine.set_result(self._flush())
            except BaseException as error:
                mine.set_exception(error)
                raise
            self.note(time.perf_counter() - begun)
        return mine.result()
