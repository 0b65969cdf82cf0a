"""Durable files: what the journal and the snapshot need of the operating system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_all(file: int, data: bytes, *, offset: int) -> None:
    """Write *data* at *offset*, however many calls that takes."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


class Replacement:
    """A new content for *path*, durable beside it until `take_over` renames it; leaves nothing behind on an error."""

    def __init__(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Write *blocks*; `file` is the open descriptor, which is the caller's to close once this has succeeded."""
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
        """Rename: readers see the old file or the new one. Durable only after `sync_directory`."""
        try:
            self._temporary.replace(self._path)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        os.close(self.file)
        self._temporary.unlink(missing_ok=True)
