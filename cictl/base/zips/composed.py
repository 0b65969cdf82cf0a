"""A file of which long parts lie in other files, so that they are not written once more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EINVAL
from os import SEEK_CUR, SEEK_END, SEEK_SET, strerror
from pathlib import Path
from typing import IO

import msgspec

_BLOCK = 1 << 18

Opener = Callable[[], IO[bytes]]


def opening(path: Path) -> Opener:
    return lambda: path.open("rb")


class PartLost(ValueError):
    """A file has become shorter since it became a part of another one."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a file has become shorter than the {size} bytes that it had")


class Extent(msgspec.Struct, frozen=True):
    """Bytes that follow each other in an open file of this machine."""

    file: IO[bytes]
    start: int
    size: int


class _Part(msgspec.Struct, frozen=True):
    """Bytes of another file.

    Attributes:
        lent: How many bytes lie in other files up to its end, its own among them.
    """

    start: int
    size: int
    lent: int
    open: Opener

    @property
    def end(self) -> int:
        return self.start + self.size


class ComposedFile:
    """Bytes of *file*, and of other files between them. It reads, writes and seeks like one file.

    Nothing may be written over a part. It may be used by one thread at a time. Parts are opened when they are read, one at a time.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Begin with what *file* has; whoever opened that closes it, after this."""
        self._file = file
        self._parts: list[_Part] = []
        self._position = 0
        self._end = file.seek(0, SEEK_END)
        self._opened: tuple[_Part, IO[bytes]] | None = None
        self._is_lent = False

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        position = offset + {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._end}[whence]
        if position < 0:
            raise OSError(EINVAL, strerror(EINVAL))  # as a file does: zipfile tries this on purpose
        self._position = position
        return position

    def write(self, data: bytes, /) -> int:
        if not self._is_lent:
            self._file.seek(self._own(self._place()))
            self._file.write(data)
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    @contextmanager
    def lent(self, source: Opener) -> Iterator[None]:
        """Let what is written in the block, at the end of this file, be the beginning of another file, from which it is read later.

        The bytes themselves are not kept, so *source* must open a file that begins with them.
        """
        start = self._position
        self._is_lent = True
        try:
            yield
        finally:
            self._is_lent = False
            size, self._position = self._position - start, start
            self.borrow(size, source)

    def borrow(self, size: int, source: Opener) -> None:
        """Let the next *size* bytes, which follow all parts so far, be the beginning of the file that *source* opens, and go behind them."""
        if size:
            before = self._parts[-1].lent if self._parts else 0
            self._parts.append(_Part(self._position, size, before + size, source))
        self._position += size
        self._end = max(self._end, self._position)

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* bytes, or all that follow. Fewer come at the end alone.

        Raises:
            PartLost: A part is not whole any more.
        """
        wanted = self._end - self._position if size < 0 else min(size, self._end - self._position)
        block = self._read_some(wanted)
        if len(block) == wanted:
            return block  # as nearly always: no copy
        blocks = [block]
        while block and (wanted := wanted - len(block)) > 0:
            block = self._read_some(wanted)
            blocks.append(block)
        return b"".join(blocks)

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks: HTTP clients take for a stream what can be iterated."""
        return iter(lambda: self.read(_BLOCK), b"")

    def extents(self) -> Iterator[Extent]:
        """Yield where all that follows lies, one after the other, and go behind each. A file stays open until the next one is wanted."""
        self.flush()
        while self._position < self._end:
            index = self._place()
            part = self._parts[index - 1] if index else None
            if part is not None and self._position < part.end:
                extent = Extent(self._open(part), self._position - part.start, part.end - self._position)
            else:
                end = self._parts[index].start if index < len(self._parts) else self._end
                extent = Extent(self._file, self._own(index), end - self._position)
            yield extent
            self._position += extent.size

    def close(self) -> None:
        """Close the part that is open."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def _read_some(self, wanted: int) -> bytes:
        """Return bytes from one file, at most *wanted*."""
        if wanted <= 0:
            return b""
        index = self._place()
        part = self._parts[index - 1] if index else None
        if part is not None and self._position < part.end:
            data = self._read_part(part, min(wanted, part.end - self._position))
        else:
            end = self._parts[index].start if index < len(self._parts) else self._end
            self._file.seek(self._own(index))
            data = self._file.read(min(wanted, end - self._position))
        self._position += len(data)
        return data

    def _place(self) -> int:
        """Return how many parts begin at the position or before it."""
        return bisect_right(self._parts, self._position, key=lambda part: part.start)

    def _own(self, index: int) -> int:
        """Return where the position is in the own file, after *index* parts."""
        return self._position - (self._parts[index - 1].lent if index else 0)

    def _open(self, part: _Part) -> IO[bytes]:
        if self._opened is None or self._opened[0] is not part:
            self.close()
            self._opened = part, part.open()
        return self._opened[1]

    def _read_part(self, part: _Part, size: int) -> bytes:
        file = self._open(part)
        offset = self._position - part.start
        if file.tell() != offset:
            file.seek(offset)
        data = file.read(size)
        if not data:
            raise PartLost(part.size)
        return data
