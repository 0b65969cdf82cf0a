"""Bodies that are kept in memory although they are long, as far as there is room for all of them together.

Such a body is a piece of a log, which is read at once and stored elsewhere: to write it into a temporary file first costs as much as all
else about it.
"""

from __future__ import annotations

import threading
from io import BytesIO

SHORT_BODY = 64 << 10
"""Bodies up to this length are in memory anyway."""

MOST_BYTES = 1 << 20
"""Longer bodies go into a file."""

_ROOM_BYTES = 64 << 20


class BodyMemory:
    """The memory that bodies share which arrive at the same time."""

    def __init__(self, room: int = _ROOM_BYTES) -> None:
        self._left = room
        self._lock = threading.Lock()

    def take(self, length: int) -> BodyInMemory | None:
        """Return room for a body of this length; None if others have it."""
        with self._lock:
            if length > self._left:
                return None
            self._left -= length
        return BodyInMemory(self, length)

    def give_back(self, length: int) -> None:
        with self._lock:
            self._left += length


class BodyInMemory(BytesIO):
    """A body that is written as it comes, and then read from its beginning."""

    def __init__(self, memory: BodyMemory, length: int) -> None:
        super().__init__()
        self._memory = memory
        self._length = length

    def complete(self) -> BodyInMemory:
        self.seek(0)
        return self

    def close(self) -> None:
        if not self.closed:
            self._memory.give_back(self._length)
        super().close()
