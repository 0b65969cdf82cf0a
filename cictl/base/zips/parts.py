"""Files without their final names."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from errno import EEXIST
from pathlib import Path
from typing import IO, Protocol


class Part(Protocol):
    """Bytes that came before it was known where they belong."""

    def write(self, data: bytes | memoryview, /) -> None:
        """Add bytes.

        Raises:
            OSError: There is no room for them.
        """

    def close(self) -> None:
        """Say that nothing follows."""

    def open(self) -> IO[bytes]:
        """Open what was written, to read it."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* of the next bytes; empty at the end."""

    def discard(self) -> None:
        """Remove it, unless it was put somewhere. What nobody holds any more is removed, too."""


class FilePart:
    """A part in a file, which goes with this object unless it was moved before."""

    @classmethod
    def within(cls, directory: Path, *, prefix: str) -> FilePart:
        """Begin one in *directory*, with a name of its own."""
        descriptor, name = tempfile.mkstemp(prefix=prefix, dir=directory)
        os.close(descriptor)
        return cls(Path(name))

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
        """Give the file another name, and return its size. On another disk that takes a copy.

        Raises:
            FileExistsError: There is something of that name.
        """
        self.close()
        if os.path.lexists(target):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), str(target))
        shutil.move(self._path, target)
        self._remove.detach()
        return target.stat().st_size

    def discard(self) -> None:
        self.close()
        self._remove()
