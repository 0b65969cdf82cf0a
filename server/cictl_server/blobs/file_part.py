"""Bytes in a file without its final name."""

from __future__ import annotations

import os
import weakref
from errno import EEXIST
from pathlib import Path
from typing import IO


class FilePart:
    """See `contract.NewPart`. The file goes with this object, unless it was moved before."""

    def __init__(self, path: Path) -> None:
        """Write into *path*, which is empty."""
        self._path = path
        self._remove = weakref.finalize(self, path.unlink, missing_ok=True)
        self._file: IO[bytes] | None = path.open("wb", buffering=0)
        self._read: IO[bytes] | None = None

    def write(self, data: bytes | memoryview, /) -> None:
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        for file in (self._file, self._read):
            if file is not None:
                file.close()
        self._file = self._read = None

    def open(self) -> IO[bytes]:
        return self._path.open("rb")

    def read(self, size: int, /) -> bytes:
        if self._read is None:
            self._read = self.open()
        return self._read.read(size)

    def move(self, target: Path) -> int:
        """Give the file another name on the same disk, and return its size.

        Raises:
            FileExistsError: There is something of that name.
        """
        self.close()
        if os.path.lexists(target):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), str(target))
        self._path.rename(target)
        self._remove.detach()
        return target.stat().st_size

    def discard(self) -> None:
        self.close()
        self._remove()
