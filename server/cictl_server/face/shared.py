"""What pages answer with, made once for all who look at the same thing at the same time."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property

_LEVEL = 5


class Body:
    """The text of an answer. It is packed, and its tag is made, once, when somebody wants that."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.plain, _LEVEL, mtime=0)

    @cached_property
    def etag(self) -> str:
        return etag_of(self.plain)


class Shared:
    """The bodies that were made last, by what they show and to whom. Of all who ask for one at the same time, one makes it and the others wait."""

    def __init__(self, *, kept: int, newest: Callable[[], int]) -> None:
        """Keep *kept* bodies; *newest* returns the number of the newest event."""
        self._kept = kept
        self._newest = newest
        self._lock = threading.Lock()
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def get(
        self, key: Hashable, make: Callable[[], Body], *, wanted: int = 0, most_seconds: float = float("inf")
    ) -> Body:
        """Return the body for *key*, which *make* makes unless there is one that is new enough.

        Args:
            wanted: The number of an event that it must tell of: its making began after that.
            most_seconds: How long ago its making may have begun.
        """
        place = self._place(key)
        with place.lock:
            if place.body is None or place.number < wanted or time.monotonic() - place.begun > most_seconds:
                number, begun = self._newest(), time.monotonic()  # before anything is looked up
                place.body = make()
                place.number, place.begun = number, begun
            return place.body

    def _place(self, key: Hashable) -> _Place:
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            if len(self._places) > self._kept:
                self._places.popitem(last=False)
            return place


class _Place:
    """Where one body is kept, with the newest event at the beginning of its making, and when that was."""

    __slots__ = ("begun", "body", "lock", "number")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.body: Body | None = None
        self.number = 0
        self.begun = 0.0


def etag_of(data: bytes) -> str:
    """Return the tag of an answer that is made of *data*."""
    return f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'
