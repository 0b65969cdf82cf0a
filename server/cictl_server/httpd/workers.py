"""The threads that answer requests."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class Work(Protocol):
    """What a thread does: a request is answered, or an answer that was put aside goes on."""

    def service(self) -> None:
        """Do it."""

    def cancel(self) -> None:
        """Give it up: the server stops."""


class Workers:
    """Threads in waiting, in the place of waitress's own: each begins when there is work for it that no other is free to do.

    The queue is one of C, so handing a request over takes neither a lock nor a condition of Python.
    """

    def __init__(self, most: int) -> None:
        """Begin *most* threads at most."""
        self._most = most
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._free: deque[None] = deque()
        """One entry for each thread that takes what comes into the queue next. Who brings work removes one."""
        self._threads: list[threading.Thread] = []

    def add_task(self, work: Any) -> None:
        """Let a thread do *work*. Only waitress, which calls it so, and what goes on again call this: from any thread."""
        try:
            self._free.pop()
        except IndexError:
            self._begin()
        self._queue.put(work)

    def shutdown(self, *, seconds: float) -> None:
        """Let the threads do what has come, for so long at most, then give up what is left."""
        deadline = time.monotonic() + seconds
        self._most = 0
        self._end_threads()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with suppress(Empty):
            while True:
                work = self._queue.get_nowait()
                if work is not None:
                    work.cancel()
        self._end_threads()  # those that are late

    def _end_threads(self) -> None:
        for _ in self._threads:
            self._queue.put(None)

    def _begin(self) -> None:
        """Begin a thread if there may be one more. Two callers at once may begin one too many, which does no harm."""
        if len(self._threads) >= self._most:
            return
        thread = threading.Thread(target=self._run, name=f"worker-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system allows no more: those that there are have to do
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work.service()
            except BaseException:  # the thread goes on with the next one
                logger.exception("a request was not answered")
            self._free.append(None)
