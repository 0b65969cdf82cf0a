"""Durable files: the system calls of the journal and the snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_all(file: int, data: bytes, *, offset: int) -> None:
    """Write all of *data* at *offset*; one call may write less."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


class Replacement:
    """New content for *path*: written durably to a file beside it, which `take_over` renames. An error leaves nothing behind."""

    def __init__(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Write *blocks*. On success the caller has to close the descriptor `file`."""
        self._path = path
        self._temporary = path.with_name(path.name + "-new")
        self.file = os.open(self._temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            offset = 0
            for block in blocks:
                write_all(self.file, block, offset=offset)
                offset += len(block)
            os.fsync(self.file)
        except BaseException:
            self._give_up()
            raise
        self.size = offset

    def take_over(self) -> None:
        """Rename the file, so that readers see the old one or the new one. Durable only after `sync_directory`."""
        try:
            self._temporary.replace(self._path)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        os.close(self.file)
        self._temporary.unlink(missing_ok=True)
