"""A zip as it arrives: large files in it that are stored go straight to where they will stay."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from cictl.base.zips.composed import ComposedFile
from cictl.base.zips.parts import Part

NewPart = Callable[[], Part | None]
"""Begins a part; None where files can't be put without a copy."""

# APPNOTE.TXT 4.3.7 and 4.5.3: what comes before the bytes of an entry.
_HEADER = struct.Struct("<4s5H3L2H")
_SIGNATURE = b"PK\3\4"
_SIZE_FOLLOWS = 1 << 3
_EXTRA = struct.Struct("<2H")
_SIZES_64 = struct.Struct("<2Q")
_ZIP64, _TOLD_THERE = 1, 0xFFFFFFFF

_LEAST_BYTES = 1 << 20
_MOST_PARTS = 64
_IN_MEMORY = 1 << 20


class _Entry(msgspec.Struct, frozen=True):
    """What the header of an entry says: how many bytes it has in the zip, and whether they are the file's own."""

    size: int
    is_stored: bool


class _Arrived(msgspec.Struct, frozen=True):
    part: Part
    size: int
    crc: int


class ArrivingZip:
    """The bytes of a zip, written one after the other, and then read as any file.

    Each large file that is stored becomes a part, as far as the headers tell which bytes these are. That is only a guess about where
    bytes are kept: they are the same wherever it is wrong, and whoever unpacks goes by the directory at the end of the zip.
    """

    def __init__(self, directory: Path, new_part: NewPart) -> None:
        """Begin.

        Args:
            directory: Where all else is kept, in a temporary file.
        """
        spool = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(directory))  # noqa: SIM115 - `close` closes it
        self._spool = cast("IO[bytes]", spool)
        self.content = ComposedFile(self._spool)
        self._new_part = new_part
        self._header = b""
        self._header_at = 0
        self._is_guessing = True
        self._left = 0
        """Bytes of the entry that are still to come."""
        self._part: Part | None = None
        self._part_size = self._crc = 0
        self._parts: dict[int, _Arrived] = {}
        """By the position of their headers."""

    def __enter__(self) -> ArrivingZip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes, /) -> int:
        """Take the next bytes.

        Raises:
            OSError: There is no room for them.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._take(rest) :]
        return len(data)

    def complete(self) -> ArrivingZip:
        return self

    def close(self) -> None:
        """Remove what was not put anywhere."""
        for part in [arrived.part for arrived in self._parts.values()] + [self._part] * (self._part is not None):
            if part is not None:
                part.discard()
        self._parts, self._part = {}, None
        self.content.close()
        self._spool.close()

    def pop_part(self, info: zipfile.ZipInfo) -> Part | None:
        """Return the file of an entry if it is a part, whole and with the entry's checksum."""
        arrived = self._parts.get(info.header_offset)
        if arrived is None or info.compress_type != zipfile.ZIP_STORED:
            return None
        if (arrived.size, arrived.size, arrived.crc) != (info.file_size, info.compress_size, info.CRC):
            return None
        return self._parts.pop(info.header_offset).part

    def _take(self, data: memoryview) -> int:
        """Take some of *data*, and return how much."""
        if self._left:
            return self._take_content(data[: self._left])
        if not self._is_guessing:
            return self.content.write(bytes(data))
        return self._take_header(data)

    def _take_content(self, data: memoryview) -> int:
        if self._part is None:
            self.content.write(bytes(data))
        else:
            self._part.write(data)
            self._crc = zlib.crc32(data, self._crc)
        self._left -= len(data)
        if not self._left and self._part is not None:
            self.content.borrow(self._part_size, self._part.open)
            self._parts[self._header_at] = _Arrived(self._part, self._part_size, self._crc)
            self._part.close()
            self._part = None
        return len(data)

    def _take_header(self, data: memoryview) -> int:
        if not self._header:
            self._header_at = self.content.tell()
        wanted = _missing(self._header)
        taken = bytes(data[:wanted])
        self._header += taken
        self.content.write(taken)
        if len(taken) == wanted and _missing(self._header) == 0:
            entry = _read(self._header)
            self._header = b""
            self._begin(entry)
        return len(taken)

    def _begin(self, entry: _Entry | None) -> None:
        if entry is None:
            self._is_guessing = False
            return
        self._left = entry.size
        if entry.is_stored and entry.size >= _LEAST_BYTES and len(self._parts) < _MOST_PARTS:
            self._part, self._part_size, self._crc = self._new_part(), entry.size, 0


def _missing(header: bytes) -> int:
    """Return how many bytes are wanted next of a header of which some are there; 0 if it is whole, or none."""
    if len(header) < _HEADER.size:
        return _HEADER.size - len(header)
    fields = _HEADER.unpack_from(header)
    if fields[0] != _SIGNATURE:
        return 0
    return _HEADER.size + int(fields[9]) + int(fields[10]) - len(header)


def _read(header: bytes) -> _Entry | None:
    """Return what a header says; None if it does not say where the entry ends, or is no header of an entry."""
    signature, _, flags, method, _, _, _, packed, size, name_length, _ = _HEADER.unpack_from(header)
    if signature != _SIGNATURE or flags & _SIZE_FOLLOWS:
        return None
    if _TOLD_THERE in (packed, size):
        sizes = _sizes_64(header[_HEADER.size + name_length :])
        if sizes is None:
            return None
        size, packed = sizes
    return _Entry(packed, is_stored=method == zipfile.ZIP_STORED and size == packed)


def _sizes_64(extra: bytes) -> tuple[int, int] | None:
    """Return the sizes in the extra field for large ones, which has both in the header of an entry."""
    position = 0
    while position + _EXTRA.size <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        if kind == _ZIP64 and length >= _SIZES_64.size and position + _SIZES_64.size <= len(extra):
            size, packed = _SIZES_64.unpack_from(extra, position)
            return size, packed
        position += length
    return None
