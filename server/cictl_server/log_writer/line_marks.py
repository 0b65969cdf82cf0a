"""Where the lines of a log are, without reading it from its beginning.

A log is cut into blocks of `BLOCK` bytes. For each whole one there is a mark: how many lines end before the block does. So a line is found
by looking it up among the marks, and then inside one block. A log that is shorter than a block has no marks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from cictl_server.blobs.contract import Readable

BLOCK = 1 << 18
CHECKED = 1 << 12

_MARK = struct.Struct("<QI")


class LineMark(NamedTuple):
    """What is known at the end of one block.

    Attributes:
        ends: How many line ends the log has up to here.
        checksum: CRC-32 of the block's last `CHECKED` bytes, by which a reader notices that the log was replaced since.
    """

    ends: int
    checksum: int


def checksum_of(data: bytes) -> int:
    """Return what a mark has of the last bytes of its block."""
    return zlib.crc32(data)


class LineMarker:
    """Makes marks of a log whose bytes are fed in their order.

    Attributes:
        marks: Of all whole blocks so far.
    """

    def __init__(self, marks: Iterable[LineMark] = ()) -> None:
        """Go on after *marks*: the first byte that is fed follows the last of these blocks."""
        self.marks = list(marks)
        self._ends = self.marks[-1].ends if self.marks else 0
        self._last = b""
        self._filled = 0

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            piece = data[at : at + BLOCK - self._filled]
            at += len(piece)
            self._filled += len(piece)
            self._ends += piece.count(b"\n")
            self._last = (self._last + piece[-CHECKED:])[-CHECKED:]
            if self._filled == BLOCK:
                self.marks.append(LineMark(self._ends, checksum_of(self._last)))
                self._filled = 0


class MarkedContent:
    """A log that is being copied, and marked meanwhile."""

    def __init__(self, content: Readable, marker: LineMarker) -> None:
        self._content = content
        self._marker = marker

    def read(self, size: int, /) -> bytes:
        data = self._content.read(size)
        self._marker.feed(data)
        return data


def encode_marks(marks: Iterable[LineMark]) -> bytes:
    """Return *marks* as a file has them: `MARK_BYTES` each, so that they can be put in place one by one."""
    return b"".join(_MARK.pack(*mark) for mark in marks)


def decode_marks(data: bytes) -> list[LineMark]:
    """Return the whole marks of a file, which may end in a torn one."""
    whole = len(data) - len(data) % MARK_BYTES
    return [LineMark(*fields) for fields in _MARK.iter_unpack(data[:whole])]


MARK_BYTES = _MARK.size
