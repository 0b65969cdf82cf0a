"""The append-only journal: one checksummed line per transaction, several transactions per flush to disk.

A line is the CRC-32 of its payload in eight hex digits, a blank, the payload in JSON without line breaks, a newline. The
payload is a `JournalEntry`. Entries are numbered without gaps, also across snapshots.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from errno import EBADF
from itertools import islice
from pathlib import Path
from time import perf_counter

import msgspec

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.system.durable import sync_directory
from cictl.base.typed_json import read_json_as
from cictl_server.errors import FULL
from cictl_server.store.contract import StoreCorrupt, StoreFailed, StoreFull
from cictl_server.store.tiny.files import Replacement, write_all

logger = logging.getLogger(__name__)

_NEEDED_BYTES = 1 << 16
"""So much must fit on a disk that was full before the journal goes on."""
_LAST_BYTES = 1 << 16
"""If no more of the journal is left to copy, writers may wait for that."""
_ROUNDS = 3
_COPIED_BYTES = 1 << 20
_CHECKSUM_LENGTH = 9  # eight digits and a blank
_LINE_START = re.compile(rb"[0-9a-f]{8} \[\d")
_MOST_STARTS = 100
"""At so many places of a damaged last line another line is looked for; texts from outside may look like one."""


class FileAlong(msgspec.Struct, frozen=True, array_like=True):
    """A short file that one transaction makes durable.

    Attributes:
        path: Below the directory of the data.
        job: The execution that it belongs to.
        settled: Number of a transaction: files that came along up to that one are durable by themselves.
    """

    path: str
    job: int
    content: bytes
    settled: int = 0


class JournalEntry(msgspec.Struct, frozen=True, array_like=True):
    """One transaction: its number, the table, id and JSON (null if deleted) of each changed document, and files that came along."""

    sequence: int
    changes: list[tuple[str, int, msgspec.Raw]]
    files: list[FileAlong] = []


def encode_entry(entry: JournalEntry) -> bytes:
    payload = msgspec.json.encode(entry)
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def scan(path: Path, content: bytes, *, after: int) -> Iterator[tuple[JournalEntry, int]]:
    """Yield each entry of a journal's *content* with the position behind it, and stop at a torn last line.

    Args:
        path: Named in messages.
        after: Number of the last transaction in the snapshot.

    Raises:
        StoreCorrupt: A line that is not the last is damaged, or one is missing. What only lost the newline before it is not
            the last line.
    """
    position = line = 0
    expected: int | None = None
    while position < len(content):
        line += 1
        end = content.find(b"\n", position)
        entry = None if end < 0 else _decode(content[position:end])
        if entry is None:
            if 0 <= end < len(content) - 1 or _holds_a_whole_line(content[position:].removesuffix(b"\n")):
                raise StoreCorrupt(str(path), f"line {line} does not match its checksum")
            return
        expected = min(entry.sequence, after + 1) if expected is None else expected
        if entry.sequence != expected:
            raise StoreCorrupt(str(path), f"transaction {expected} is missing before line {line}")
        expected += 1
        position = end + 1
        yield entry, position


class Journal:
    """An open journal file. `append` gives order, `wait` gives durability.

    The first thread that waits becomes the leader: it writes and flushes what all threads have appended, while the others
    wait for it. If that fails, all of them get the error, and every later append is refused: after a failed fsync the
    kernel may have dropped the pages, so a second fsync that succeeds would prove nothing. It is different where a write
    found no space and was taken back: then the file is what it was, and `go_on` tries again.

    Attributes:
        flushes: How often lines were flushed since the opening; `flush_seconds` is the time for it in all.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; `replay` must be exhausted before the first `append`."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        """Told when nobody writes the file any more, for those who want to do something else with it."""
        self._flushed = threading.Condition(self._lock)
        """Where those wait whose lines are being flushed. They alone are woken when that is done: to wake all, of whom most go on waiting,
        costs more than the flush."""
        self._gathering = threading.Condition(self._lock)
        """Where those wait whose lines come with the next flush, of whom one leads that."""
        self._flushing = 0
        """The highest ticket of the flush under way, or of the last one."""
        self._pending: list[bytes] = []
        self._appended = 0
        self._durable = 0
        self._is_busy = False
        """Whether a thread is writing the file: a leader, or `drop_head`."""
        self._claims = 0
        """How many want to do something else with the file."""
        self._failure: BaseException | None = None
        self.is_full = False
        """Whether all that has failed is that there was no space."""
        self._size = 0
        """Bytes that are durable."""
        self.flushes = 0
        self.flush_seconds = 0.0
        self._end = 0
        """Bytes including what is pending."""

    @property
    def size(self) -> int:
        """Bytes of the journal, including what is still to be written."""
        return self._end

    @property
    def appended(self) -> int:
        """How many lines were appended since the opening."""
        return self._appended

    @property
    def durable(self) -> int:
        """The highest ticket that is on the disk."""
        return self._durable

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    def replay(self, *, after: int) -> Iterator[JournalEntry]:
        """Yield the entries with a number above *after*, that of the snapshot. Cut off a torn last line with a warning.

        A damaged last line counts as torn even if its newline is there: after a power cut the disk may have kept the end
        of the line but not its middle.

        Raises:
            StoreCorrupt: Any other line is damaged, or missing.
        """
        content = self._path.read_bytes()
        lines = position = 0
        last: int | None = None
        for entry, end in scan(self._path, content, after=after):
            lines += 1
            last, position = entry.sequence, end
            if entry.sequence > after:
                yield entry
        if position < len(content):
            logger.warning("dropping a torn last line path=%s line=%d", self._path, lines + 1)
        is_covered = last is not None and last <= after
        self._size = self._end = 0 if is_covered else position
        if self._size < len(content):
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)

    def append(self, line: bytes) -> int:
        """Queue *line* and return the ticket to `wait` for.

        Raises:
            StoreFailed: An earlier write failed.
        """
        with self._lock:
            self.check()
            self._pending.append(line)
            self._appended += 1
            self._end += len(line)
            return self._appended

    def check(self) -> None:
        """Raise if an earlier write failed. Each call raises a new exception, because several threads may get it at once."""
        if self._failure is not None:
            raise _store_failure(self._failure) from self._failure

    def wait(self, ticket: int) -> None:
        """Return once the line of *ticket* is on the disk.

        Raises:
            StoreFailed: The line could not be written. It will not be there after the next opening.
        """
        with self._lock:
            while self._durable < ticket:
                self.check()
                if not self._is_busy and not self._claims:
                    self._lead()
                elif ticket <= self._flushing:
                    self._flushed.wait()
                else:
                    self._gathering.wait()

    def drain(self) -> None:
        """Return once everything that was appended is on the disk."""
        with self._lock:
            ticket = self._appended
        self.wait(ticket)

    def drop_head(self, length: int) -> None:
        """Remove the first *length* bytes, which are durable and in a snapshot, by replacing the file.

        Raises:
            OSError: The file could not be replaced; the journal goes on with the old one.
            StoreFailed: An earlier write failed, or the replacement may not survive a power cut.
        """
        kept = _Kept(self._path, self._file, length)
        # Most of it is copied while writers go on; they queue up only for the last bit, and for the change of names. Each round
        # leaves what was written during it, so there is no use in many.
        for _ in range(_ROUNDS):
            if self._size - kept.end > _LAST_BYTES:
                kept.copy(up_to=self._size)
        with self._lock:
            self._wait_until_idle()
            try:
                self.check()
            except BaseException:
                kept.replacement.give_up()
                self._end_turn()
                raise
            self._is_busy = True
        try:
            self._swap(kept, length)
        finally:
            with self._lock:
                self._end_turn()
        self.check()

    def go_on(self) -> int | None:
        """After a full disk accept lines again, if there is space now; nobody may wait for a ticket.

        Return how many lines were appended and are lost, or None if the disk is still full.
        """
        with self._lock:
            self._wait_until_idle()
            if not self.is_full or not self._has_space():
                return None
            lost, self._durable = self._appended - self._durable, self._appended
            self._pending.clear()
            self._end = self._size
            self._failure, self.is_full = None, False
            logger.info("journal can be written again path=%s", self._path)
            return lost

    def close(self) -> None:
        """Close the file. Later calls of `append` and `wait` raise StoreFailed. Closing twice is fine."""
        with self._lock:
            self._wait_until_idle()
            if self._file >= 0:
                os.close(self._file)
            self._file = -1
            self._failure = self._failure or OSError(EBADF, "it is closed")
            self._end_turn()

    def _wait_until_idle(self) -> None:
        """Wait until nobody writes the file. Whoever waits here goes before those with lines to write, of whom there may always be one."""
        self._claims += 1
        try:
            while self._is_busy:
                self._idle.wait()
        finally:
            self._claims -= 1

    def _end_turn(self) -> None:
        """Let others write the file, and wake those who have something of it."""
        self._is_busy = False
        self._flushed.notify_all()
        if self._failure is None:
            self._gathering.notify()
        else:
            self._gathering.notify_all()
        self._idle.notify_all()

    def _lead(self) -> None:
        """Write and flush everything pending. The caller holds the lock; it is released during the write."""
        batch, self._pending = self._pending, []
        self._flushing = target = self._appended
        self._flushed, self._gathering = self._gathering, self._flushed  # where those wait that this flush is for
        self._is_busy = True
        self._lock.release()
        failure: BaseException | None = None
        try:
            self._write(b"".join(batch))
        except BaseException as error:  # noqa: BLE001  whatever it is, nothing counts as durable and all must be told
            failure = error
        finally:
            self._lock.acquire()
            if failure is None:
                self._durable = target
            else:
                self._fail(failure)
            self._end_turn()
        if failure is not None and not isinstance(failure, Exception):
            raise failure

    def _has_space(self) -> bool:
        try:
            write_all(self._file, bytes(_NEEDED_BYTES), offset=self._size)
        except OSError:
            return False
        finally:
            self._take_back()
        return True

    def _take_back(self) -> bool:
        """Cut off what is not durable, and tell whether that is sure; otherwise a torn line, or a complete one, is left."""
        with suppress(OSError):
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
            return True
        return False

    def _write(self, batch: bytes) -> None:
        try:
            write_all(self._file, batch, offset=self._size)
        except OSError as error:
            self.is_full = self._take_back() and error.errno in FULL
            raise
        try:
            begun = perf_counter()
            os.fsync(self._file)
            self.flush_seconds += perf_counter() - begun
            self.flushes += 1
        except BaseException:
            self._take_back()
            raise
        self._size += len(batch)

    def _fail(self, failure: BaseException) -> None:
        logger.error("journal cannot be written path=%s: %s", self._path, failure)
        self._failure = failure

    def _swap(self, kept: _Kept, length: int) -> None:
        kept.copy(up_to=self._size)
        kept.replacement.take_over()
        with self._lock:
            os.close(self._file)
            self._file = kept.replacement.file
            self._size -= length
            self._end -= length
        try:
            sync_directory(self._path.parent)
        except OSError as error:
            # Later lines would be acknowledged into a file that a power cut may replace by the old one.
            self._fail(error)


class _Kept:
    """The part of a journal that is kept, on its way into a new file.

    Attributes:
        end: Where in the old file that ends which was copied.
    """

    def __init__(self, path: Path, file: int, begin: int) -> None:
        self.replacement = Replacement(path, [])
        self.end = begin
        self._file = file

    def copy(self, *, up_to: int) -> None:
        self.replacement.extend(self._blocks(up_to))
        self.end = up_to

    def _blocks(self, up_to: int) -> Iterator[bytes]:
        for start in range(self.end, up_to, _COPIED_BYTES):
            yield os.pread(self._file, min(_COPIED_BYTES, up_to - start), start)


def _decode(line: bytes) -> JournalEntry | None:
    """Return the entry in *line*; None if it is damaged."""
    payload = line[_CHECKSUM_LENGTH:]
    if line[:_CHECKSUM_LENGTH] != b"%08x " % zlib.crc32(payload):
        return None
    try:
        return read_json_as(payload, JournalEntry)
    except NOT_OF_TYPE:
        return None


def _holds_a_whole_line(damaged: bytes) -> bool:
    """Tell whether *damaged*, which is no line, begins or ends with a whole one, so that no torn write left it."""
    starts = [found.start() for found in islice(_LINE_START.finditer(damaged, 1), _MOST_STARTS)]
    return any(_decode(damaged[start:]) or _decode(damaged[: start - 1]) for start in starts)


def _store_failure(cause: BaseException) -> StoreFailed:
    if not isinstance(cause, OSError):
        return StoreFailed(repr(cause))
    detail = cause.strerror or str(cause)
    return StoreFull(detail) if cause.errno in FULL else StoreFailed(detail)
