"""Waking a wait for executions as soon as the server tells of a change, instead of at its next look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from cictl_client.errors import ClientError
from cictl_client.follow.events import ServerEvent

Events = Callable[[Callable[[], bool]], Iterator[ServerEvent]]
"""Yields the events of the server, until its argument returns true; that is called after each piece of data."""


class JobChanges:
    """Listens to the server's events, on a thread that begins with the first `wait`.

    It makes a wait quick and decides nothing: who waits still has to look, and looks without it too. So a server without
    events, such as a reference server, or one that has no room for another listener, does no harm.
    """

    def __init__(self, events: Events, job_ids: Collection[str]) -> None:
        """Prepare to listen for changes of *job_ids*."""
        self._events = events
        self._all = frozenset(job_ids)
        self._unfinished = set(job_ids)
        self._changed: set[str] = set()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def wait(self, seconds: float) -> frozenset[str]:
        """Return the ids of those that may have changed, as soon as there are some; all of them after so many *seconds*."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="job changes", daemon=True)
            self._thread.start()
        if not self._news.wait(seconds):
            return self._all
        with self._lock:
            self._news.clear()
            changed, self._changed = frozenset(self._changed), set()
        return changed

    def add(self, job_id: str) -> None:
        """Listen for changes of one more execution, which may have changed already."""
        with self._lock:
            self._all |= {job_id}
            self._unfinished.add(job_id)
        self._tell({job_id})

    def close(self) -> None:
        """Stop listening, at the latest with the server's next sign of life."""
        self._is_closed = True

    def _listen(self) -> None:
        is_connected = False

        def is_over() -> bool:
            nonlocal is_connected
            if not is_connected:  # what changed before the server began to tell is known only by looking
                is_connected = True
                self._tell(self._all)
            return self._is_closed

        with suppress(ClientError):
            for event in self._events(is_over):
                if event.missed:
                    self._tell(self._all)
                elif event.job is not None and event.job.id in self._all:
                    self._tell({event.job.id})
                    if event.job.state is None or event.job.state.status.is_terminal:
                        self._unfinished.discard(event.job.id)
                if self._is_closed or not self._unfinished:
                    return  # the connection must not stay open until the server's next sign of life

    def _tell(self, job_ids: Collection[str]) -> None:
        with self._lock:
            self._changed.update(job_ids)
            self._news.set()
