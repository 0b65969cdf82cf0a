"""The output of executions: secrets covered, limits kept, snapshots joined. Where the bytes are kept is `log_writer`'s matter."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator

import msgspec

from cictl.base.clock import Clock, utc_now
from cictl_server.blobs.contract import BlobsAway
from cictl_server.errors import LogGap, StoreAway
from cictl_server.log_writer.contract import LogEditor, LogIndex, LogWriter
from cictl_server.log_writer.line_marks import LineMarker
from cictl_server.services.core.ids import leading_number
from cictl_server.services.history.lifecycle import shown_log_size
from cictl_server.services.logs.masked import MaskedLog, append_quickly
from cictl_server.services.logs.snapshots import SNAPSHOT_LIMIT, Join
from cictl_server.services.secrets.masks import Mask, Masks
from cictl_server.store.contract import ShortFile
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

DEFAULT_LOG_LIMIT = 1 << 30
"""How many bytes of one log are kept unless the server is told otherwise."""

_BLOCK = 1 << 18


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of bytes for a log.

    Attributes:
        is_cut: There were more than the limit allows. The log is final now; nothing may be written into it any more.
        other: Bytes that don't continue the log and should replace it, covered, for `overwrite`; None where there are none.
        sent: The same bytes as their agent sent them.
        size: How many bytes the log has now; None if that was not looked at.
        sealed_size: How many bytes the log had once it was durable and compared at an end; None if it was not.
        short: The whole log, at its end, if it has to become durable with the record.
    """

    is_cut: bool = False
    other: bytes | None = None
    sent: bytes = b""
    size: int | None = None
    sealed_size: int | None = None
    short: ShortFile | None = None


class LogBook:
    """The logs of all executions, by name.

    Each byte of a secret becomes a `*`, so offsets and sizes stay those of the agent. An end that may be the beginning of a
    secret is not shown before the next bytes decide. For the secret `hunter2`, a log that ends in `hun` is shown without
    these three bytes.

    Attributes:
        limit: How many bytes of one log are kept; 0 for any number.
        written_bytes: By how much all logs grew since this object was made.
    """

    def __init__(
        self, writer: LogWriter, masks: Masks, *, clock: Clock = utc_now, limit: int = DEFAULT_LOG_LIMIT
    ) -> None:
        self.limit = limit
        self._writer = writer
        self._masks = masks
        self._clock = clock
        self.written_bytes = 0
        self._counting = threading.Lock()

    @property
    def index(self) -> LogIndex:
        """When the bytes arrived, and where steps begin."""
        return self._writer.index

    def size(self, name: str) -> int:
        """Return the size of the log in bytes; 0 if there is none."""
        return self._writer.size(name)

    def shown_size(self, name: str) -> int:
        """Return how many bytes of the log may be shown."""
        return self._writer.shown_size(name)

    def shown_size_of(self, job: JobRecord) -> int:
        """Return how many bytes of the log of *job* may be shown."""
        return shown_log_size(job, self.shown_size)

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        """Return up to *limit* bytes from *offset*; empty past the end."""
        return self._writer.read(name, offset=offset, limit=limit)

    def append(self, name: str, data: bytes, *, offset: int) -> Written:
        """Write *data* at *offset*; the part of it that is stored already is skipped.

        Raises:
            LogGap: *offset* is past the end; or bytes before the end must come again, so that secrets in them can be found.
        """
        mask, now = self._masks.of_log(name), self._clock()
        if self._has_room(data, at=offset) and append_quickly(self._writer, name, data, at=offset, now=now, mask=mask):
            self._note_growth(len(data))
            return Written(size=offset + len(data))
        with self._writer.edit(name) as log:
            size = log.size
            if offset > size:
                raise LogGap(size)
            new = data[size - offset :]
            fresh = self._fitting(new, at=size)
            is_cut = len(fresh) < len(new)
            if mask is not None:
                masked = MaskedLog(log=log, name=name, mask=mask, now=now)
                masked.append(fresh, again=data[: size - offset], is_last=is_cut)
            elif fresh:
                log.write(fresh, at=size, now=now)
            self._note_growth(log.size - size)
            return Written(is_cut=is_cut, size=log.size)

    def continue_by(self, name: str, snapshot: bytes) -> Written:
        """Make *snapshot*, the whole log or its last `SNAPSHOT_LIMIT` bytes, the end of the log.

        A snapshot that continues the stored bytes is appended. A tail is joined where it overlaps with them, so a log
        stays whole although its agent sends only tails. An older snapshot that arrives late changes nothing. Any other
        one replaces the log, as the contract says: it is not written but returned, covered, for `overwrite`.
        """
        mask = self._masks.of_log(name)
        with self._writer.edit(name) as log:
            size = log.size
            start = max(0, size - 2 * SNAPSHOT_LIMIT)
            join = Join.of(log.read_from(start), snapshot, mask)
            if mask is not None:
                mask.has_covered = mask.has_covered or join.text != snapshot
            end = join.new_end(is_known_whole=start == 0)
            if end is None:
                return Written(other=join.fresh, sent=snapshot)
            at, data = start + end[0], end[1]
            if not data:
                return Written(size=size)
            is_cut = self._write_end(log, name, data, at=at, sent=snapshot, mask=mask)
            self._note_growth(log.size - size)
            return Written(is_cut=is_cut, size=log.size)

    def overwrite(self, name: str, written: Written, *, is_last: bool) -> bool:
        """Replace the log by the `other` that `continue_by` returned, durably if it *is_last*; tell whether it was cut."""
        mask = self._masks.of_log(name)
        with self._writer.edit(name) as log:
            size = log.size
            is_cut = self._write_end(log, name, written.other or b"", at=0, sent=written.sent, mask=mask)
            self._note_growth(log.size - size)
        if is_last:
            self.seal(name)
        return is_cut

    def sha256(self, name: str, *, size: int) -> str:
        """Return the hex digest of the first *size* bytes of the log, whose lines are marked on the way."""
        digest, marker, offset = hashlib.sha256(), LineMarker(), 0
        while block := self._writer.read(name, offset=offset, limit=min(_BLOCK, size - offset)):
            digest.update(block)
            marker.feed(block)
            offset += len(block)
        if marker.marks:
            self.index.note_line_marks(name, marker.marks, known=0)
        return digest.hexdigest()

    def reset(self, name: str) -> None:
        """Empty a damaged log. Its agent sends the bytes again; the index keeps the times of their first arrival."""
        with self._writer.edit(name) as log:
            log.write(b"", at=0, now=self._clock())

    def seal(self, name: str) -> int:
        """Make the log durable, and return its size."""
        return self._writer.seal(name)

    def seal_or_read(self, name: str) -> tuple[int, ShortFile | None]:
        """Make the log durable, or return it for `Transaction.take_along`; and its size."""
        return self._writer.seal_or_read(name)

    def stored(self) -> Iterator[tuple[int, str]]:
        """Yield the number of the execution and the name of each log."""
        for name in self._writer.names():
            if (number := leading_number(name)) is not None:
                yield number, name

    def delete(self, name: str) -> None:
        """Remove the log. Where that can't be done now, the pass that removes what nobody names does so later."""
        try:
            self._writer.delete(name)
        except (BlobsAway, StoreAway) as error:
            logger.warning("log not removed yet log=%s: %s", name, error)

    def _write_end(self, log: LogEditor, name: str, data: bytes, *, at: int, sent: bytes, mask: Mask | None) -> bool:
        """Make *data* the end of the log as far as the limit allows, and tell whether that is less than all.

        Args:
            data: Covered.
            sent: The same bytes, and perhaps some before them, as their agent sent them.
        """
        fresh = self._fitting(data, at=at)
        dropped = len(data) - len(fresh)
        now = self._clock()
        if mask is None:
            log.write(fresh, at=at, now=now)
        else:
            masked = MaskedLog(log=log, name=name, mask=mask, now=now)
            masked.end(fresh, at=at, sent=sent[: len(sent) - dropped], is_last=dropped > 0)
        return dropped > 0

    def _has_room(self, data: bytes, *, at: int) -> bool:
        return not self.limit or at + len(data) <= self.limit

    def _fitting(self, data: bytes, *, at: int) -> bytes:
        """Return what of *data* fits into a log from *at* on, in whole characters."""
        if self._has_room(data, at=at):
            return data
        end = max(0, self.limit - at)
        while end and data[end] & 0xC0 == 0x80:  # a byte 10xxxxxx continues a character of UTF-8
            end -= 1
        return data[:end]

    def _note_growth(self, size: int) -> None:
        with self._counting:
            self.written_bytes += max(0, size)
