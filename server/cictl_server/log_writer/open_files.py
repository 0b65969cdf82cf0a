"""The files of the logs that are being written: each stays open from its first piece to its end."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

_PLACES = 64
_MOST_OPEN = 4
"""So many files stay open in each place. A file more closes the one that was not written for the longest time."""


class OpenLog(msgspec.Struct):
    """One open log.

    Attributes:
        noted: Offset and milliseconds of the last arrival in the index; None if that is not known here.
    """

    descriptor: int
    noted: tuple[int, int] | None = None


class OpenLogs:
    """Opens logs, and keeps those open that were written last. Changes of one log take turns.

    The names of the logs are spread over a fixed number of places. Two logs that share one take turns as well.
    """

    def __init__(self) -> None:
        self._places = [_Place() for _ in range(_PLACES)]

    @contextmanager
    def edited(self, name: str, path: Callable[[], Path]) -> Iterator[OpenLog]:
        """Yield the log of this name, which no other thread changes meanwhile.

        Args:
            path: Tells where it is, or is made; asked only if it is not open.
        """
        place = self._place(name)
        with place.lock:
            found = place.find(name)
            if found is None:
                found = OpenLog(os.open(path(), os.O_RDWR | os.O_CREAT, 0o600))
                place.keep(name, found)
            yield found

    def take(self, name: str) -> int | None:
        """Return the descriptor of a log that is open here, for the caller to close; None if it is not."""
        place = self._place(name)
        with place.lock:
            found = place.logs.pop(name, None)
        return found.descriptor if found else None

    def close(self, name: str) -> None:
        """Close a log, if it is open here."""
        if (descriptor := self.take(name)) is not None:
            os.close(descriptor)

    def close_all(self) -> None:
        for place in self._places:
            with place.lock:
                while place.logs:
                    os.close(place.logs.popitem()[1].descriptor)

    def _place(self, name: str) -> _Place:
        return self._places[hash(name) % _PLACES]


class _Place:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.logs: OrderedDict[str, OpenLog] = OrderedDict()

    def find(self, name: str) -> OpenLog | None:
        """Return a log that is open; one whose file was removed by somebody else is closed instead."""
        found = self.logs.get(name)
        if found is None:
            return None
        if os.fstat(found.descriptor).st_nlink == 0:
            del self.logs[name]
            os.close(found.descriptor)
            return None
        self.logs.move_to_end(name)
        return found

    def keep(self, name: str, log: OpenLog) -> None:
        self.logs[name] = log
        if len(self.logs) > _MOST_OPEN:
            os.close(self.logs.popitem(last=False)[1].descriptor)
