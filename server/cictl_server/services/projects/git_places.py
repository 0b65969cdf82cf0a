"""How many requests work with git at once, and the end of git where nobody waits for it any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cictl.base.system.children import Stop
from cictl_server.errors import CictlError, NoCapacity
from cictl_server.services.core.callers import caller_of_this_thread

PLACES = 8
"""git is mostly waiting for a remote. More at once would only make the machine slower for everything else."""

QUEUE = 8
"""How many wait for a place. Each holds a server thread, so this and `PLACES` stay well below `SPARE_THREADS` of `serve`."""

QUEUE_SECONDS = 5.0
"""How long they wait. Most work is over in less than a second."""

_LOOK_SECONDS = 0.25


class GitPlaces:
    """Lets few requests work with git at once, so that remotes that never answer can't hold every server thread."""

    def __init__(self, *, places: int = PLACES, queue: int = QUEUE, queue_seconds: float = QUEUE_SECONDS) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._queue = threading.BoundedSemaphore(queue)
        self._queue_seconds = queue_seconds
        self._is_closed = False

    def close(self) -> None:
        """End what runs, within a moment, and whatever begins later: the server stops."""
        self._is_closed = True

    @contextmanager
    def take(self, stop: Stop | None = None) -> Iterator[Stop]:
        """Hold a place, and yield what ends git's processes: also when the caller of this thread has gone.

        Args:
            stop: What ends them besides; by default only the caller's going does.

        Raises:
            NoCapacity: No place became free in time, or too many wait for one already. Also when the block failed because the
                caller had gone: it may come again with the same `Idempotency-Key`, and must not get that failure then.
        """
        self._acquire()
        is_left = threading.Event()
        try:
            with self._watched(stop or Stop(), is_left) as ends:
                yield ends
        except CictlError as error:
            if is_left.is_set():
                raise NoCapacity("nobody waited for git any more") from error
            raise
        finally:
            self._places.release()

    def _acquire(self) -> None:
        if self._places.acquire(blocking=False):
            return
        if self._queue.acquire(blocking=False):
            try:
                if self._places.acquire(timeout=self._queue_seconds):
                    return
            finally:
                self._queue.release()
        raise NoCapacity("the server works with as many git repositories as it may at once")

    @contextmanager
    def _watched(self, stop: Stop, is_left: threading.Event) -> Iterator[Stop]:
        """Set *is_left* and *stop* once nobody waits for the result any more."""
        is_gone, is_over = caller_of_this_thread(), threading.Event()

        def watch() -> None:
            while not is_over.wait(_LOOK_SECONDS):
                if self._is_closed or is_gone():
                    is_left.set()
                    stop.set()
                    return

        watcher = threading.Thread(target=watch, name="git-caller", daemon=True)
        watcher.start()
        try:
            yield stop
        finally:
            is_over.set()
            watcher.join()
