"""The append-only journal: one checksummed line per transaction, several transactions per flush to disk.

A line is the CRC-32 of its payload in eight hex digits, a blank, the payload in JSON without line breaks, a newline. The
payload is a `Entry`. Lines are numbered without gaps; the numbers go on over snapshots.
"""

from __future__ import annotations

import logging
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path

import msgspec

from cictl_server.store.contract import StoreCorrupt, StoreFailed, StoreFull
from cictl_server.store.files import sync_directory, write_all

logger = logging.getLogger(__name__)

_CHECKSUM_LENGTH = 9  # eight digits and a blank


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One transaction: its number, and for each changed document table, id and JSON (null for deleted)."""

    sequence: int
    changes: list[tuple[str, int, msgspec.Raw]]


def encode_entry(entry: Entry) -> bytes:
    payload = msgspec.json.encode(entry)
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


class Journal:
    """An open journal file. `append` gives order, `wait` gives durability.

    The first thread that waits becomes the leader: it writes and flushes what all have appended, while the others wait
    for it. When that fails, all of them get the error, and every later append is refused.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; `replay` must be exhausted before the first `append`."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._condition = threading.Condition()
        self._pending: list[bytes] = []
        self._appended = 0
        self._durable = 0
        self._is_flushing = False
        self._failure: StoreFailed | None = None
        self._size = 0
        """Bytes that are durable."""
        self._end = 0
        """Bytes including what is pending."""

    @property
    def size(self) -> int:
        """Bytes of the journal, what is still being written included."""
        return self._end

    def replay(self) -> Iterator[Entry]:
        """Yield the entries from the start; a torn last line is cut off with a warning.

        Raises:
            StoreCorrupt: Any other line is damaged.
        """
        content = self._path.read_bytes()
        position = 0
        number = 0
        while position < len(content):
            number += 1
            end = content.find(b"\n", position)
            entry = None if end < 0 else _decode(content[position:end])
            if entry is None:
                is_last = end < 0 or end + 1 == len(content)
                if not is_last:
                    raise StoreCorrupt(str(self._path), f"line {number} does not match its checksum")
                logger.warning("dropping a torn last line path=%s line=%d", self._path, number)
                os.ftruncate(self._file, position)
                os.fsync(self._file)
                break
            yield entry
            position = end + 1
        self._size = self._end = position

    def append(self, line: bytes) -> int:
        """Queue *line* and return the ticket to `wait` for.

        Raises:
            StoreFailed: An earlier write failed.
        """
        with self._condition:
            if self._failure is not None:
                raise self._failure
            self._pending.append(line)
            self._appended += 1
            self._end += len(line)
            return self._appended

    def check(self) -> None:
        """Raise what an earlier write failed with."""
        if self._failure is not None:
            raise self._failure

    def wait(self, ticket: int) -> None:
        """Return once the line of *ticket* is on the disk.

        Raises:
            StoreFailed: It could not be written; it will not be there after the next opening.
        """
        with self._condition:
            while self._durable < ticket:
                self.check()
                if self._is_flushing:
                    self._condition.wait()
                else:
                    self._lead()

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    def drain(self) -> None:
        """Return once everything that was appended is on the disk."""
        with self._condition:
            ticket = self._appended
        self.wait(ticket)

    def drop_head(self, length: int) -> None:
        """Replace the file by what follows its first *length* bytes; a snapshot holds those."""
        with self._condition:
            while self._is_flushing:
                self._condition.wait()
            self.check()
            self._is_flushing = True  # writers queue up for the moment that this takes
        try:
            self._swap(length)
        finally:
            with self._condition:
                self._is_flushing = False
                self._condition.notify_all()

    def close(self) -> None:
        os.close(self._file)

    def _lead(self) -> None:
        """Write and flush everything pending. Called, and returns, with the condition held; lets go of it meanwhile."""
        batch, self._pending = b"".join(self._pending), []
        target = self._appended
        self._is_flushing = True
        self._condition.release()
        failure: StoreFailed | None = None
        try:
            write_all(self._file, batch, offset=self._size)
            os.fsync(self._file)
        except OSError as error:
            failure = _failure_of(error)
            failure.__cause__ = error
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.fsync(self._file)
        finally:
            self._condition.acquire()
            self._is_flushing = False
            if failure is None:
                self._size += len(batch)
                self._durable = target
            else:
                logger.error("journal cannot be written path=%s: %s", self._path, failure)
                self._failure = failure
            self._condition.notify_all()

    def _swap(self, length: int) -> None:
        tail = os.pread(self._file, self._size - length, length)
        temporary = self._path.with_suffix(".journal-new")
        replacement = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(replacement, tail, offset=0)
            os.fsync(replacement)
            temporary.replace(self._path)
        except BaseException:
            os.close(replacement)
            raise
        sync_directory(self._path.parent)
        with self._condition:
            os.close(self._file)
            self._file = replacement
            self._size -= length
            self._end -= length


def _decode(line: bytes) -> Entry | None:
    """Return the entry of *line*, None when it is damaged."""
    payload = line[_CHECKSUM_LENGTH:]
    if line[:_CHECKSUM_LENGTH] != b"%08x " % zlib.crc32(payload):
        return None
    try:
        return msgspec.json.decode(payload, type=Entry)
    except msgspec.MsgspecError:
        return None


def _failure_of(error: OSError) -> StoreFailed:
    detail = error.strerror or str(error)
    return StoreFull(detail) if error.errno in (ENOSPC, EDQUOT) else StoreFailed(detail)
