"""Answers that wait until their clients take them: they share some memory, so that a crowd that asks and reads nothing can't fill it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Protocol

logger = logging.getLogger(__name__)

_LEFT_SHARE = 0.75
"""Where too much waits, so much of the limit is left: else each further answer would look for somebody to close."""


class Reader(Protocol):
    """A connection, as far as its answers go."""

    @property
    def unread_bytes(self) -> int:
        """How much is queued for its client."""

    @property
    def taken_at(self) -> float:
        """When the client last took a byte, or was owed none yet."""

    def close_now(self) -> None:
        """Close it, and forget what is queued. For the thread of the loop."""


class Unread:
    """What is queued for the clients of one server."""

    def __init__(self, *, most_bytes: int, later: Callable[[Callable[[], None]], None]) -> None:
        """Let so many bytes be queued in all.

        Args:
            later: Has the thread of the loop call something.
        """
        self._most = most_bytes
        self._later = later
        self._lock = threading.Lock()
        self._bytes: dict[Reader, int] = {}
        self._total = 0

    def note(self, reader: Reader) -> None:
        """Note what is queued for *reader* now. To be called in any thread after that has changed."""
        with self._lock:  # and asked under it: of two threads, the later one tells how it is
            before, now = self._bytes.pop(reader, 0), reader.unread_bytes
            if now:
                self._bytes[reader] = now
            self._total += now - before
            is_too_much = now > before and self._total > self._most
        if is_too_much:
            self._later(self._make_room)

    def _make_room(self) -> None:
        """Close the connections of those who have taken nothing for longest, but never of the last who took something."""
        with self._lock:
            stalled = sorted(self._bytes, key=attrgetter("taken_at"))[:-1]
            surplus = self._total - int(self._most * _LEFT_SHARE)
        if surplus <= self._most * (1 - _LEFT_SHARE):
            return  # somebody has taken, or left, meanwhile
        closed = 0
        for reader in stalled:
            if surplus <= 0:
                break
            surplus -= reader.unread_bytes
            reader.close_now()
            closed += 1
        logger.warning("too much waits to be read, closed those who read nothing connections=%d", closed)
