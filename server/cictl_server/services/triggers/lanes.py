"""How many looks are under way at once, so that no remote that hangs holds up the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_HEALTHY, _FAILING = 8, 2
"""Looks at once at repositories that answered the last time, and at those that did not."""
_OF_HOST = 6
"""Looks at once at healthy repositories of one host. If it hangs, some places are left for the others, and from the second look on
it is among the failing ones."""

GIT_PLACES = 2 * (_HEALTHY + _FAILING)
"""A look works with one repository, and for a moment with a second one."""


class Lanes:
    """Threads for looks at projects, each of which is looked at by one at a time."""

    def __init__(self, on_free: Callable[[], None]) -> None:
        """Call *on_free* whenever a look has ended."""
        self._on_free = on_free
        self._threads = ThreadPoolExecutor(_HEALTHY + _FAILING, "watcher")
        self._under_way: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def begin(self, project_id: int, repo_url: str, *, is_failing: bool, look: Callable[[], None]) -> bool:
        """Begin *look* in a thread, and return True; or return False if one is under way there or no place is free.

        Args:
            is_failing: Whether the last look at the project failed.
        """
        lane, host = ("failing", "") if is_failing else ("healthy", host_of(repo_url))
        with self._lock:
            if project_id in self._under_way or not self._has_room(lane, host):
                return False
            self._under_way[project_id] = lane, host
        self._threads.submit(self._run, project_id, look)
        return True

    def close(self) -> None:
        """Begin nothing more, and wait for the end of what is under way."""
        self._threads.shutdown(cancel_futures=True)

    def _has_room(self, lane: str, host: str) -> bool:
        taken = Counter(self._under_way.values())
        if lane == "failing":
            return taken[lane, ""] < _FAILING
        healthy = sum(count for (of_lane, _), count in taken.items() if of_lane == lane)
        return healthy < _HEALTHY and taken[lane, host] < _OF_HOST

    def _run(self, project_id: int, look: Callable[[], None]) -> None:
        try:
            look()
        finally:
            with self._lock:
                del self._under_way[project_id]
            self._on_free()


def host_of(repo_url: str) -> str:
    """Return the host of a repository; empty for one on the server's own disk."""
    if "://" in repo_url:
        authority = repo_url.partition("://")[2].partition("/")[0]
        return authority.rpartition("@")[2].partition(":")[0].casefold()
    head, colon, _ = repo_url.partition(":")
    return head.rpartition("@")[2].casefold() if colon and "/" not in head else ""
