"""`state.json`: a plain TinyDB file of all tables, plus one small table of our own with its place in the journal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from cictl_server.store.contract import StoreCorrupt, StoreTooNew
from cictl_server.store.files import Replacement, sync_directory

SCHEMA = 1
META = "_cictl"

Tables = dict[str, dict[int, bytes]]
"""Each document of each table by its id, as JSON."""

_ROWS_PER_BLOCK = 500


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the snapshot says of itself.

    Attributes:
        sequence: Number of the last transaction that is in it.
        last_ids: Highest document id ever used in each table; ids are never used again.
    """

    schema: int
    sequence: int
    last_ids: dict[str, int]


def read(path: Path) -> tuple[Meta, Tables]:
    """Return what *path* holds; an absent file is an empty database.

    Raises:
        StoreTooNew: Written by a newer cictl.
        StoreCorrupt: Not a file of ours.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Meta(schema=SCHEMA, sequence=0, last_ids={}), {}
    try:
        raw = msgspec.json.decode(content, type=dict[str, dict[int, msgspec.Raw]])
        meta = msgspec.json.decode(raw.pop(META)[1], type=Meta)
    except (msgspec.MsgspecError, KeyError) as error:
        raise StoreCorrupt(str(path), f"not a database of cictl ({error})") from error
    if meta.schema > SCHEMA:
        raise StoreTooNew(str(path), found=meta.schema, known=SCHEMA)
    return meta, {name: {key: bytes(value) for key, value in table.items()} for name, table in raw.items()}


def write(path: Path, meta: Meta, tables: Mapping[str, Mapping[int, bytes]]) -> int:
    """Replace *path*, durably and in one step, and return its size in bytes."""
    replacement = Replacement(path, _blocks(meta, tables))
    replacement.take_over()
    os.close(replacement.file)
    sync_directory(path.parent)
    return replacement.size


def _blocks(meta: Meta, tables: Mapping[str, Mapping[int, bytes]]) -> Iterator[bytes]:
    yield b'{"%s": {"1": %s}' % (META.encode(), msgspec.json.encode(meta))
    for name, table in tables.items():
        yield b",\n" + msgspec.json.encode(name) + b": {"
        rows = [b'"%d": %s' % (key, document) for key, document in table.items()]
        for start in range(0, len(rows), _ROWS_PER_BLOCK):
            yield (b",\n" if start else b"\n") + b",\n".join(rows[start : start + _ROWS_PER_BLOCK])
        yield b"}"
    yield b"}\n"
