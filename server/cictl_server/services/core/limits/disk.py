"""Whether there is room on the disks that this server writes to: of the data directory, and of the files if these are in another one.

A disk is full when a write failed for want of space, until one succeeds again. Before that it is low: then what can wait is refused,
so that what runs already can finish.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from cictl.base.text.sizes import size_text
from cictl_server.errors import DiskLow

_NEEDED_BYTES = 1 << 16
_MIN_FREE_BYTES = 1 << 30
_MIN_FREE_SHARE = 0.05


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Free bytes, and how many there must be for new work."""

    free: int
    wanted: int

    @property
    def is_low(self) -> bool:
        return self.to_spare < 0

    @property
    def to_spare(self) -> int:
        """Bytes that new work may take; below 0 if it may not begin."""
        return self.free - self.wanted


class Disk:
    """The disk below each of some directories. What is told of one is told of that with the least room to spare."""

    def __init__(self, *directories: Path, min_free: int | None = None) -> None:
        """Look at the disks of *directories*, which need not be there yet.

        Args:
            min_free: Bytes that must be free for new work, 0 for none; by default 1 GiB, or 5 % of a smaller disk.
        """
        self._directories = directories
        self._min_free = min_free
        self._is_full = False

    def note_full(self) -> None:
        """Note that a write failed for want of space."""
        self._is_full = True

    def is_full(self) -> bool:
        """Tell whether the disk is still full. Nothing is written unless it was."""
        if self._is_full:
            self._is_full = not self._takes_more()
        return self._is_full

    def room(self) -> Room:
        """Return how much room there is, and how much there should be."""
        return min((self._room_below(directory) for directory in self._directories), key=lambda room: room.to_spare)

    def check_room(self, what: str) -> None:
        """Return if there is room for new work.

        Args:
            what: Such as `run`, for the text.

        Raises:
            DiskLow: There is not.
        """
        room = self.room()
        if room.is_low:
            raise DiskLow(what, free=size_text(room.free), wanted=size_text(room.wanted))

    def _room_below(self, directory: Path) -> Room:
        usage = shutil.disk_usage(_existing(directory))
        wanted = min(_MIN_FREE_BYTES, int(usage.total * _MIN_FREE_SHARE)) if self._min_free is None else self._min_free
        return Room(free=usage.free, wanted=wanted)

    def _takes_more(self) -> bool:
        return all(_takes_more_below(directory) for directory in self._directories)


def _takes_more_below(directory: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=_existing(directory), buffering=0) as file:
            return file.write(bytes(_NEEDED_BYTES)) == _NEEDED_BYTES
    except OSError:
        return False


def _existing(directory: Path) -> Path:
    """Return *directory*, or the nearest one above it that is there."""
    return next(path for path in (directory, *directory.parents) if path.is_dir())
