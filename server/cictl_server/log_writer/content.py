"""The bytes of a log as a stream, for what reads files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from cictl_server.blobs.contract import Readable

_BLOCK = 1 << 20


class _LogBytes(io.RawIOBase):
    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._read(self._offset, min(len(buffer), self._size - self._offset))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)


def stream(read: Callable[[int, int], bytes], size: int) -> io.BufferedReader:
    """Return the first *size* bytes, which *read* gives by offset and limit, a block at a time; fewer if there are fewer."""
    return io.BufferedReader(_LogBytes(read, size), _BLOCK)


class FirstBytes:
    """The beginning of what can be read."""

    def __init__(self, content: Readable, size: int) -> None:
        """Give up to *size* bytes of *content*."""
        self._content = content
        self._left = size

    def read(self, size: int, /) -> bytes:
        block = self._content.read(min(size, self._left))
        self._left -= len(block)
        return block
