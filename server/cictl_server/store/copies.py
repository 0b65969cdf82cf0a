"""Copying the data of a server that may be running: nothing here changes it, locks it or waits for it.

The journal is read before the snapshot, because a compaction may come in between. It moves the snapshot forward, so the
entries that were read either follow the snapshot or are in it already. In the other order, entries could be missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

from cictl.base.system.durable import sync_directory
from cictl_server.store.contract import StoreCorrupt, StoreLocked, StoreTooNew
from cictl_server.store.tiny import snapshot
from cictl_server.store.tiny.engine import RESTORING
from cictl_server.store.tiny.journal import scan
from cictl_server.store.tiny.store import TinyStore
from cictl_server.store.trees import NotPlain, read_plain

SNAPSHOT, JOURNAL, LOCK = "state.json", "state.journal", "lock"


class CopiedState(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied: whole transactions only, and each that was acknowledged before the reading.

    Attributes:
        journal_lines: Transactions in the journal.
        sequence: Number of the last transaction.
        torn_bytes: Bytes after the last whole line. They were left out: that change was never acknowledged.
    """

    schema: int
    sequence: int
    snapshot_bytes: int
    journal_bytes: int
    journal_lines: int
    torn_bytes: int


def has_state(directory: Path) -> bool:
    """Tell whether *directory* holds a database."""
    return any((directory / name).exists() for name in (SNAPSHOT, JOURNAL, RESTORING))


def copy_state(source: Path, target: Path) -> CopiedState:
    """Copy the state in *source* into the directory *target*, durably, without looking at documents.

    Raises:
        StoreTooNew, StoreCorrupt: As when a server opens it, and for a state that is no plain file.
        OSError: A file can't be read or written.
    """
    if (source / RESTORING).exists():
        raise StoreCorrupt(str(source), "restoring a backup was interrupted")
    journal = _read(source / JOURNAL) or b""
    picture = _read(source / SNAPSHOT)
    if picture is not None:
        _write(target / SNAPSHOT, picture)
    with naming(source, instead_of=target):
        meta = snapshot.read(target / SNAPSHOT)[0]
    lines = [(entry.sequence, end) for entry, end in scan(source / JOURNAL, journal, after=meta.sequence)]
    last, end = lines[-1] if lines else (0, 0)
    _write(target / JOURNAL, journal[:end])
    sync_directory(target)
    return CopiedState(
        schema=meta.schema,
        sequence=max(meta.sequence, last),
        snapshot_bytes=len(picture or b""),
        journal_bytes=end,
        journal_lines=len(lines),
        torn_bytes=len(journal) - end,
    )


@contextmanager
def open_copy(copy: Path, *, source: Path) -> Iterator[TinyStore]:
    """Open the *copy* of the state in *source*, as a server opens it.

    Raises:
        StoreCorrupt: A document is not one of cictl's.
    """
    with naming(source, instead_of=copy):
        store = TinyStore.open(copy)
    with store:
        yield store


@contextmanager
def naming(source: Path, *, instead_of: Path) -> Iterator[None]:
    """Make errors name the files in *source* instead of those of the copy."""
    try:
        yield
    except StoreCorrupt as error:
        raise StoreCorrupt(error.where.replace(str(instead_of), str(source)), error.detail) from error
    except StoreTooNew as error:
        where = error.where.replace(str(instead_of), str(source))
        raise StoreTooNew(where, found=error.found, known=error.known) from error


def is_in_use(directory: Path) -> bool:
    """Tell whether a server holds *directory* now."""
    if not (directory / LOCK).exists():
        return False
    lock = filelock.FileLock(directory / LOCK, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return True
    lock.release()
    return False


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep servers away from *directory* during the block.

    Raises:
        StoreLocked: A server uses it.
    """
    lock = filelock.FileLock(directory / LOCK, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreLocked(str(directory)) from None
    try:
        yield
    finally:
        lock.release()


def _read(path: Path) -> bytes | None:
    try:
        return read_plain(path)
    except FileNotFoundError:
        return None
    except NotPlain as error:
        raise StoreCorrupt(str(path), f"it is {error}") from error


def _write(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
