"""The log of one execution as readers see it: the agent's bytes, then the closing line of the server, if any."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from cictl.base.text.sizes import setting_text
from cictl.wire.words import CONTROL, log_limit_line
from cictl_server.log_writer.contract import Arrivals
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.snapshots import SNAPSHOT_LIMIT
from cictl_server.store.records.jobs import JobRecord

_LONGEST_LINE = 1 << 16
"""A tail that begins inside a longer line keeps the rest of it."""


class LogSlice(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a log.

    Attributes:
        offset: Where `data` begins in the log.
        size: Bytes of the whole log so far.
        complete: Whether the execution is over, so that `size` is final.
        received: When the first byte arrived, to a second; None when that is unknown or was not asked for.
    """

    data: bytes
    offset: int
    size: int
    complete: bool
    received: datetime | None = None


class JobLog:
    """A reader of one execution's log, as of the moment its record was read.

    The log of a finished execution ends where its record says: what its agent sent after a cancel does not count. In
    the log of a running one, an end that may become a secret is held back until more bytes, or the end, decide.
    """

    def __init__(self, book: LogBook, job: JobRecord, *, is_for_agent: bool = False) -> None:
        """Look at the log's size.

        Args:
            is_for_agent: The reader is the agent that sends the bytes: it must know how many are stored, also held-back ones.
        """
        self._book = book
        self._job = job
        self._stored = job.log_size
        if not job.status.is_terminal:
            self._stored = book.size(job.log_name) if is_for_agent else book.shown_size(job.log_name)
        if job.log_removed is not None:
            self._stored = 0
        self._tail = self._closing() if job.log_removed is None else _removed(job.log_removed)

    @property
    def name(self) -> str:
        return self._job.log_name

    @property
    def stored(self) -> int:
        """How many bytes come before the server's own last lines."""
        return self._stored

    @property
    def size(self) -> int:
        return self._stored + len(self._tail)

    @property
    def is_complete(self) -> bool:
        """Whether the execution is over, so that the log is final."""
        return self._job.status.is_terminal

    def read(self, *, offset: int, limit: int, arrivals: Arrivals | None = None) -> LogSlice:
        """Return up to *limit* bytes from *offset*; none past the end.

        With *arrivals*, stop before the first byte that arrived at another time.
        """
        if arrivals is not None:
            return self._read_timed(arrivals, offset=offset, limit=limit)
        stored = max(0, min(limit, self._stored - offset))
        data = self._book.read(self._job.log_name, offset=offset, limit=stored) if stored else b""
        if len(data) == stored and len(data) < limit:
            start = max(0, offset - self._stored)
            data += self._tail[start : start + limit - len(data)]
        return LogSlice(data=data, offset=offset, size=self.size, complete=self.is_complete)

    def offset_since(self, instant: datetime) -> int:
        """Return the offset of the first byte that arrived at *instant* or later; the log's end when none did.

        If the times are unknown, return 0: too much is better than too little.
        """
        if not self._book.index.exists(self._job.log_name):
            return 0
        offset = self._book.index.offset_since(self._job.log_name, instant)
        if offset is not None:
            return min(offset, self._stored)
        is_closed_since = self._job.finished is not None and self._job.finished >= instant
        return self._stored if is_closed_since else self.size

    def output(self) -> str:
        """Return the end of the log as text, the `output` of a job view: up to 512 KiB, from the beginning of a line on."""
        start = max(0, self.size - SNAPSHOT_LIMIT)
        data = self.read(offset=start, limit=SNAPSHOT_LIMIT).data
        return (data[_first_line(data) :] if start else data).decode(errors="replace")

    def _read_timed(self, arrivals: Arrivals, *, offset: int, limit: int) -> LogSlice:
        piece = self.read(offset=offset, limit=limit)
        if offset >= self._stored:
            return replace(piece, received=self._job.finished)
        received, until = arrivals.at(offset)
        end = self._stored if until is None else min(until, self._stored)
        return replace(piece, data=piece.data[: end - offset], received=received)

    def _closing(self) -> bytes:
        """Return the server's own lines: that the log has passed its limit, and how the execution ended."""
        lines = [self._job.closing_line] if self._job.closing_line else []
        if self._job.log_limit:
            lines.insert(0, log_limit_line(setting_text(self._job.log_limit)))
        if not lines:
            return b""
        last = self._book.read(self._job.log_name, offset=self._stored - 1, limit=1) if self._stored else b"\n"
        return (b"" if last == b"\n" else b"\n") + "\n".join(lines).encode()


def _removed(when: datetime) -> bytes:
    return f"{CONTROL}retention removed this log on {when:%Y-%m-%d}\n".encode()


def _first_line(tail: bytes) -> int:
    """Return where the first whole line of *tail* begins; of a line without an end nearby, its first whole character."""
    end = tail.find(b"\n", 0, _LONGEST_LINE)
    if end >= 0:
        return end + 1
    # A byte 10xxxxxx continues a character of UTF-8; one has three of them at most.
    return next((at for at in range(min(4, len(tail))) if tail[at] & 0xC0 != 0x80), 0)
