"""Durable files: the system calls of the journal and the snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic


def write_all(file: int, data: bytes, *, offset: int) -> None:
    """Write all of *data* at *offset*; one call may write less."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


_UNFLUSHED_BYTES = 1 << 20
"""No more than this waits for the disk at any time: a flush of another file would have to wait for it too."""

_LONGEST_REST_SECONDS = 0.01


def no_rest(_seconds: float) -> None:
    """Go on at once."""


class Replacement:
    """New content for *path*: written durably to a file beside it, which `take_over` renames. An error leaves nothing behind.

    Attributes:
        size: The bytes that were written, all of them durable.
    """

    def __init__(self, path: Path, blocks: Iterable[bytes], *, rest: Callable[[float], object] = no_rest) -> None:
        """Write *blocks*. On success the caller has to close the descriptor `file`.

        Args:
            rest: Waits so many seconds. It is called after each part with the time that the disk took for that, so half of the disk is left to others.
        """
        self.size = 0
        self._rest = rest
        self._path = path
        self._temporary = path.with_name(path.name + "-new")
        self.file = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.extend(blocks)

    def extend(self, blocks: Iterable[bytes]) -> None:
        """Write further *blocks* behind what is there."""
        try:
            flushed = self.size
            for block in blocks:
                write_all(self.file, block, offset=self.size)
                self.size += len(block)
                if self.size - flushed >= _UNFLUSHED_BYTES:
                    begun = monotonic()
                    os.fsync(self.file)
                    self._rest(min(monotonic() - begun, _LONGEST_REST_SECONDS))
                    flushed = self.size
            os.fsync(self.file)
        except BaseException:
            self.give_up()
            raise

    def take_over(self) -> None:
        """Rename the file, so that readers see the old one or the new one. Durable only after `sync_directory`."""
        try:
            self._temporary.replace(self._path)
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Remove the file instead."""
        os.close(self.file)
        self._temporary.unlink(missing_ok=True)
