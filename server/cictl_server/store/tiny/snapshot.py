"""`state.json`: a plain TinyDB file of all tables, plus a small table `_cictl` with its place in the journal.

That table comes last. Its second document, which ends the file, is a CRC-32 in eight hex digits of all bytes before it.
A file with another ending was rewritten by stock TinyDB, which keeps the document but changes the layout around it, or was
written by an older cictl. Its checksum can't be checked, and it is accepted as it is.
"""

from __future__ import annotations

import mmap
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.system.durable import sync_directory
from cictl.base.typed_json import read_json_as
from cictl_server.store.contract import StoreCorrupt, StoreTooNew
from cictl_server.store.tiny.files import Replacement, no_rest
from cictl_server.store.tiny.picture import Rows

SCHEMA = 1
META = "_cictl"

Tables = dict[str, dict[int, bytes]]
"""Each document of each table by its id, as JSON."""

_SEAL = b', "2": {"crc32": "%08x"}}}\n'
_SEAL_LENGTH = len(_SEAL % 0)
_SEAL_FORM = re.compile(rb', "2": \{"crc32": "(.{8})"\}\}\}\n')


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the snapshot says about itself.

    Attributes:
        sequence: Number of the last transaction that is in it.
        last_ids: Highest document id ever used in each table; ids are never used again.
        version: The cictl that wrote it, and checked each document before; empty for one that did not tell.
    """

    schema: int
    sequence: int
    last_ids: dict[str, int]
    version: str = ""


class Contents(NamedTuple):
    """What a snapshot holds.

    Attributes:
        is_sealed: It matches its checksum; False if it has none that can be checked.
    """

    meta: Meta
    tables: Tables
    is_sealed: bool


def read(path: Path) -> Contents:
    """Return what *path* holds; an absent file is an empty database.

    Raises:
        StoreTooNew: Written by a newer cictl.
        StoreCorrupt: Not a snapshot of cictl, or changed since it was written.
    """
    try:
        content = _mapped(path)
    except FileNotFoundError:
        return Contents(Meta(schema=SCHEMA, sequence=0, last_ids={}), {}, is_sealed=True)
    is_sealed = _is_sealed(path, content)
    try:
        raw = read_json_as(content, dict[str, dict[int, msgspec.Raw]])
        meta = read_json_as(raw.pop(META)[1], Meta)
    except (*NOT_OF_TYPE, KeyError) as error:
        raise StoreCorrupt(str(path), f"not a database of cictl ({error})") from error
    if meta.schema > SCHEMA:
        raise StoreTooNew(str(path), found=meta.schema, known=SCHEMA)
    tables = {name: {key: bytes(value) for key, value in table.items()} for name, table in raw.items()}
    return Contents(meta, tables, is_sealed)


def write(
    path: Path, meta: Meta, tables: Iterable[tuple[str, Iterable[Rows]]], *, rest: Callable[[float], object] = no_rest
) -> int:
    """Replace *path*, durably and in one step, and return its size in bytes.

    Args:
        tables: The name of each table and its rows, which are written as they come.
        rest: Waits so many seconds, to leave the disk to others after each part.
    """
    replacement = Replacement(path, _blocks(meta, tables), rest=rest)
    replacement.take_over()
    os.close(replacement.file)
    sync_directory(path.parent)
    return replacement.size


def _blocks(meta: Meta, tables: Iterable[tuple[str, Iterable[Rows]]]) -> Iterator[bytes]:
    checksum = 0
    for block in _sealed_blocks(meta, tables):
        checksum = zlib.crc32(block, checksum)
        yield block
    yield _SEAL % checksum


def _sealed_blocks(meta: Meta, tables: Iterable[tuple[str, Iterable[Rows]]]) -> Iterator[bytes]:
    yield b"{"
    for name, blocks in tables:
        yield msgspec.json.encode(name) + b": {"
        separator = b"\n"
        for rows in blocks:
            yield separator + b",\n".join([b'"%d": %s' % row for row in rows])
            separator = b",\n"
        yield b"},\n"
    yield b'"%s": {"1": %s' % (META.encode(), msgspec.json.encode(meta))


def _mapped(path: Path) -> mmap.mmap | bytes:
    """Return the content of *path*, of which no copy is made in memory. Nothing can be mapped of an empty file."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _is_sealed(path: Path, content: mmap.mmap | bytes) -> bool:
    """Tell whether *content* ends in a checksum, which then matches.

    Raises:
        StoreCorrupt: It does not match.
    """
    seal = _SEAL_FORM.fullmatch(content, max(0, len(content) - _SEAL_LENGTH))
    if seal is None:
        return False
    if seal[1] != b"%08x" % zlib.crc32(memoryview(content)[:-_SEAL_LENGTH]):
        raise StoreCorrupt(str(path), "it does not match its checksum")
    return True
