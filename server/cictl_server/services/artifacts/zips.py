"""Zips from outside: counting what is in one before it is read, and unpacking its entries."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from cictl.base.zips.parts import Part
from cictl_server.blobs.contract import NewFolder
from cictl_server.errors import InvalidRequest, TooLarge
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.artifacts.paths import bad_path

_LONGEST_LINK = 4096
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The standard library unpacks any other one, bzip2 and LZMA, block by block of the zip, whatever that makes of memory: 566 bytes
that say they are 10 take a gigabyte."""
_POSITION = re.compile(rb"[1-9][0-9]{0,5}")
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # encrypted, or (its child NotImplementedError) compressed in an unknown way
    ValueError,
    struct.error,
)

# APPNOTE.TXT 4.3: how the records of a zip's directory are laid out.
_END = struct.Struct("<4s4H2LH")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LONGEST_COMMENT = 0xFFFF
_ENTRY_BYTES = 2048
"""What one entry of the directory takes at most: an artifact's path and the usual extra fields."""


def open_zip(spool: IO[bytes], limits: ArtifactLimits) -> zipfile.ZipFile:
    """Open an uploaded zip.

    Its directory is counted first: the standard library makes an object of each entry, however many there are.

    Raises:
        InvalidRequest: It is damaged, or compressed in a way that is not read here.
        TooLarge: It has more entries than *limits* allows.
    """
    with reading_zip():
        if limits.files:
            _check_directory(spool, limits)
        archive = zipfile.ZipFile(spool)
    for info in archive.infolist():
        if info.compress_type not in _METHODS:
            raise InvalidRequest(
                f'read artifact zip: "{info.filename}" is compressed by method {info.compress_type}',
                hint="store or deflate the files",
            )
    return archive


def entry_kind(info: zipfile.ZipInfo) -> int:
    """Return the kind of file in an entry, as `stat.S_IFMT` has it; a zip without modes has regular files only."""
    return stat.S_IFMT(info.external_attr >> 16) or stat.S_IFREG


def entry_group(info: zipfile.ZipInfo) -> int:
    """Return the position that the comment of an entry tells; 0 for none."""
    return int(info.comment) if _POSITION.fullmatch(info.comment) else 0


def read_link(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> str:
    """Return the text of an entry that is the link *path*.

    Raises:
        InvalidRequest: It is damaged, or longer than any path.
    """
    if info.file_size > _LONGEST_LINK:
        raise bad_path(path, "the link is too long")
    with reading_zip(), archive.open(info) as source:
        return source.read(_LONGEST_LINK).decode()


def extract(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, folder: NewFolder, *, part: Part | None = None
) -> int:
    """Put one entry into *folder* under *path*, and return its size. Of its mode only the executable bit is kept.

    Args:
        part: The bytes of the entry, with its checksum; without it they are read from the archive.

    Raises:
        InvalidRequest: It is damaged, or larger than it declares.
    """
    with reading_zip():
        source = archive.open(info)  # checks the entry's own header, too
    with source:
        content = part or _Entry(source, info)
        return folder.put(path, content, is_executable=bool(info.external_attr >> 16 & 0o100))


class _Entry:
    """The bytes of an entry, at most as many as it declares."""

    def __init__(self, source: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._source = source
        self._name = info.filename
        self._left = info.file_size

    def read(self, size: int, /) -> bytes:
        """Raises: InvalidRequest."""
        block = _read_block(self._source, limit=min(size, self._left + 1))
        self._left -= len(block)
        if self._left < 0:
            raise InvalidRequest(f'read artifact zip: "{self._name}" is larger than it says')
        return block


def _read_block(source: IO[bytes], *, limit: int) -> bytes:
    with reading_zip():
        return source.read(limit)


@contextmanager
def reading_zip() -> Iterator[None]:
    """Turn what zipfile raises at damaged bytes into a refusal. It raises OSError too, so no write may happen in here."""
    try:
        yield
    except (*_DAMAGED, OSError) as error:
        raise InvalidRequest(f"read artifact zip: {error}") from error


def _check_directory(spool: IO[bytes], limits: ArtifactLimits) -> None:
    """Check how many entries the end of the zip declares, and then how many its directory really has.

    What has no end record is left to the standard library, which refuses it.
    """
    found = _find_end(spool)
    if found is None:
        return
    place, (_, _, _, _, declared, size, _, _) = found
    place_64 = place - _END_64_LOCATOR.size - _END_64.size
    if place_64 >= 0:
        spool.seek(place_64)
        end_64 = _END_64.unpack(spool.read(_END_64.size))
        locator = spool.read(_END_64_LOCATOR.size)
        if end_64[0] == b"PK\6\6" and locator[:4] == b"PK\6\7":
            place, declared, size = place_64, end_64[7], end_64[8]
    limits.check_files(declared)
    if size > limits.files * _ENTRY_BYTES:
        raise TooLarge(f"the zip's directory is larger than {limits.files} artifacts need (--max-artifact-files)")
    limits.check_files(_count(spool, start=place - size, end=place, most=limits.files + 1))


def _find_end(spool: IO[bytes]) -> tuple[int, tuple[int, ...]] | None:
    """Return the position and the fields of the end record, found in the same way as by the standard library."""
    size = spool.seek(0, os.SEEK_END)
    start = max(0, size - _END.size - _LONGEST_COMMENT)
    spool.seek(start)
    tail = spool.read()
    without_comment = len(tail) - _END.size
    if tail[without_comment : without_comment + 4] == b"PK\5\6" and tail.endswith(b"\0\0"):
        position = without_comment
    else:
        position = tail.rfind(b"PK\5\6")
    if position < 0 or position > without_comment:
        return None
    return start + position, _END.unpack_from(tail, position)


def _count(spool: IO[bytes], *, start: int, end: int, most: int) -> int:
    """Return how many entries the directory between two positions has, counting to *most*."""
    if start < 0:
        return 0
    spool.seek(start)
    directory = spool.read(end - start)
    count = position = 0
    while position + _ENTRY.size <= len(directory) and count < most:
        fields = _ENTRY.unpack_from(directory, position)
        position += _ENTRY.size + sum(fields[12:15])  # lengths of the name, the extra fields, the comment
        count += 1
    return count
