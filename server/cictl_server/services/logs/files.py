"""The output of executions: append-only files by name, addressed by byte offset. Knows files and bytes, no job states.

Bytes of a running execution are in the page cache only. They survive kill -9. After a power loss the server answers the
agent's next report with the size that it really holds, and the agent sends the rest again from its own copy. `seal` makes
a log durable; a terminal report is acknowledged only after that.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cictl.base.beneath import beneath
from cictl.redaction import starred
from cictl_server.errors import LogGap
from cictl_server.services.core.ids import numbered_names
from cictl_server.services.logs.index import LogIndex
from cictl_server.services.secrets.masks import Mask, Masks

SNAPSHOT_LIMIT = 524_288
"""An agent of the reference sends at most this many bytes of a log: its tail."""

DEFAULT_LOG_LIMIT = 1 << 30
"""How many bytes of one log are kept unless the server is told otherwise."""

_ANCHOR = 4096
_SUFFIX = ".log"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of bytes for a log.

    Attributes:
        is_cut: There were more than the limit allows. The log is final now; nothing may be written into it any more.
        other: Bytes that don't continue the log and should replace it, covered, for `overwrite`; None where there are none.
        sent: The same bytes as their agent sent them.
    """

    is_cut: bool = False
    other: bytes | None = None
    sent: bytes = b""


class LogFiles:
    """The logs below one directory.

    Each byte of a secret becomes a `*`, so offsets and sizes stay those of the agent.

    Attributes:
        limit: How many bytes of one log are kept; 0 for any number.
        index: When the bytes arrived, and where steps begin.
        written_bytes: By how much all logs grew since this object was made.
    """

    def __init__(self, directory: Path, masks: Masks, *, limit: int = DEFAULT_LOG_LIMIT) -> None:
        self.limit = limit
        self._directory = directory
        self._masks = masks
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.index = LogIndex(directory)
        self.written_bytes = 0
        self._counting = threading.Lock()
        # A fixed number of locks, chosen by the hash of the name: two logs may share one, and none has to be removed.
        self._locks = [threading.Lock() for _ in range(64)]

    def path(self, name: str) -> Path:
        """Return where the log is.

        Raises:
            NotBeneath: A link or something else is in its place, as after a restore by hand; to readers it is not there.
        """
        return beneath(self._directory, f"{name}{_SUFFIX}")

    def size(self, name: str) -> int:
        """Return the size of the log in bytes; 0 if there is none."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def shown_size(self, name: str) -> int:
        """Return how many bytes of the log may be shown.

        An end that may be the beginning of a secret is held back. For the secret `hunter2`, a log that ends in `hun`
        is shown without these three bytes until the next ones decide.
        """
        size, mask = self.size(name), self._masks.of_log(name)
        if mask is None:
            return size
        end = mask.end(name, size=size)
        if end is None:
            start = max(0, size - mask.cover.reach + 1)
            end = self.read(name, offset=start, limit=size - start)
        return size - len(end) + mask.cover.undecided_from(end)

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        """Return up to *limit* bytes from *offset*; empty past the end."""
        if offset >= self.size(name):
            return b""  # a client may name an offset that is too large for the file system to seek to
        try:
            with self.path(name).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def append(self, name: str, data: bytes, *, offset: int) -> Written:
        """Write *data* at *offset*; the part of it that is stored already is skipped.

        Raises:
            LogGap: *offset* is past the end.
        """
        mask = self._masks.of_log(name)
        with self._lock(name), self._open(name) as file:
            size = file.seek(0, os.SEEK_END)
            if offset > size:
                raise LogGap(size)
            fresh, is_cut = _fitting(data[size - offset :], room=self.limit - size if self.limit else None)
            if mask is not None:
                fresh = _covered(file, fresh, size=size, name=name, mask=mask)
            file.seek(size)
            file.write(fresh)
        self._note_growth(len(fresh))
        if is_cut:
            self._cut_open_end(name)
        return Written(is_cut=is_cut)

    def continue_by(self, name: str, snapshot: bytes) -> Written:
        """Make *snapshot*, the whole log or its last `SNAPSHOT_LIMIT` bytes, the end of the log.

        A snapshot that continues the stored bytes is appended. A tail is joined where it overlaps with them, so a log
        stays whole although its agent sends only tails. An older snapshot that arrives late changes nothing. Any other
        one replaces the log, as the contract says: it is not written but returned, covered, for `overwrite`.
        """
        mask = self._masks.of_log(name)
        with self._lock(name), self._open(name) as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - 2 * SNAPSHOT_LIMIT)
            file.seek(start)
            known = file.read()
            pieces = _Pieces(known=known, text=snapshot) if mask is None else _masked_pieces(known, snapshot, mask)
            written = _merge(file, start, pieces, limit=self.limit)
            growth = file.seek(0, os.SEEK_END) - size
            if mask is not None and growth and not written.is_cut:
                mask.note_end(name, size=size + growth, data=snapshot)
        self._note_growth(growth)
        if written.is_cut:
            self._cut_open_end(name)
        return written if written.other is None else replace(written, sent=snapshot)

    def overwrite(self, name: str, written: Written, *, is_last: bool) -> bool:
        """Replace the log by the `other` that `continue_by` returned, durably if it *is_last*; tell whether it was cut."""
        mask = self._masks.of_log(name)
        data, is_cut = _fitting(written.other or b"", room=self.limit or None)
        with self._lock(name), self._open(name) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            file.truncate()
            file.write(data)
            if mask is not None:
                mask.note_end(name, size=len(data), data=written.sent[: len(data)])
        self._note_growth(max(0, len(data) - size))
        if is_cut:
            self._cut_open_end(name)
        if is_last:
            self.seal(name)
        return is_cut

    def sha256(self, name: str) -> str:
        """Return the hex digest of the whole log."""
        try:
            with self.path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return hashlib.sha256().hexdigest()

    def reset(self, name: str) -> None:
        """Empty a damaged log. Its agent sends the bytes again; the index keeps the times of their first arrival."""
        with self._lock(name), suppress(FileNotFoundError):
            os.truncate(self.path(name), 0)

    def seal(self, name: str) -> None:
        """Make the log durable."""
        with suppress(FileNotFoundError), self.path(name).open("rb") as file:
            os.fsync(file.fileno())

    def stored(self) -> Iterator[tuple[int, str]]:
        """Yield the number of the execution and the name of each log."""
        for number, name in numbered_names(self._directory):
            if name.endswith(_SUFFIX):
                yield number, name.removesuffix(_SUFFIX)

    def delete(self, name: str) -> None:
        (self._directory / f"{name}{_SUFFIX}").unlink(missing_ok=True)
        self.index.delete(name)

    def _cut_open_end(self, name: str) -> None:
        """Cut off what may be the beginning of a secret, now that nothing follows that could decide; no reader has seen it."""
        size = self.shown_size(name)
        with self._lock(name):
            os.truncate(self.path(name), size)

    def _note_growth(self, size: int) -> None:
        with self._counting:
            self.written_bytes += size

    def _lock(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % len(self._locks)]

    def _open(self, name: str) -> _LogHandle:
        return _LogHandle(self.path(name))


class _LogHandle:
    """A log file opened for reading and writing, created 0600. Unbuffered: what was written is in the page cache."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)

    def __enter__(self) -> _LogHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self) -> bytes:
        """Return everything from the present position on."""
        return self._file.readall()

    def truncate(self) -> None:
        self._file.truncate()

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def _fitting(data: bytes, *, room: int | None) -> tuple[bytes, bool]:
    """Return what of *data* fits into *room* bytes, in whole characters, and whether that is less than all."""
    if room is None or len(data) <= room:
        return data, False
    end = max(0, room)
    while end and data[end] & 0xC0 == 0x80:  # a byte 10xxxxxx continues a character of UTF-8
        end -= 1
    return data[:end], True


def _is_whole(snapshot: bytes) -> bool:
    """Tell whether *snapshot* must be a whole log, because it is too short for a tail.

    A tail may be a little shorter than the limit: it lacks the rest of a character that was cut.
    """
    return len(snapshot) <= SNAPSHOT_LIMIT - _ANCHOR


def _covered(file: _LogHandle, fresh: bytes, *, size: int, name: str, mask: Mask) -> bytes:
    """Return *fresh* with secrets covered, and cover in the file the stored beginning of a secret that *fresh* completes.

    A secret may arrive in two pieces: `hun` is stored, then `ter2` comes. So the search begins up to a secret's length
    before the end of the log. It needs those bytes as the agent sent them, not as they are stored: of two secrets that
    overlap, the second begins inside the stars of the first. `mask.end` remembers them; once another lease has brought
    more secrets it can't, and the stored bytes have to do.
    """
    before = mask.end(name, size=size)
    if before is None:
        file.seek(max(0, size - mask.cover.reach + 1))
        before = file.read()
    text = before + fresh
    spans = mask.cover.spans(text)
    for start, stop in spans:
        if start < len(before):
            file.seek(size - len(before) + start)
            file.write(b"*" * (min(stop, len(before)) - start))
    mask.has_covered = mask.has_covered or bool(spans)
    mask.note_end(name, size=size + len(fresh), data=text)
    return starred(text, spans)[len(before) :] if spans else fresh


@dataclass(frozen=True, kw_only=True)
class _Pieces:
    """What `_merge` joins: the stored end of a log, and a snapshot of it.

    Under a mask the same bytes may be covered in one of the two and not in the other, at three places: at the end of
    each, where a secret is not complete yet, and at the start of a tail, where the beginning of a secret was cut off.
    Comparing them there would find a difference and replace the whole log. So these places are left out.

    Attributes:
        open_known: How many bytes at the end of `known` the next bytes may turn into a secret; they are not covered yet.
        open_text: The same for `text`.
        head: How many bytes at the start of `text`, if it is a tail, may be the rest of a secret.
        fresh: What to store if the two don't join; None for `text`.
    """

    known: bytes
    text: bytes
    open_known: int = 0
    open_text: int = 0
    head: int = 0
    fresh: bytes | None = None


def _masked_pieces(known: bytes, snapshot: bytes, mask: Mask) -> _Pieces:
    cover = mask.cover
    text, whole = cover.covered(snapshot), _is_whole(snapshot)
    mask.has_covered = mask.has_covered or text != snapshot
    return _Pieces(
        known=known,
        text=text,
        open_known=len(known) - cover.undecided_from(known),
        open_text=len(snapshot) - cover.undecided_from(snapshot),
        head=0 if whole else cover.left_over_until(snapshot),
        fresh=text if whole else cover.covered_tail(snapshot),
    )


def _merge(file: _LogHandle, start: int, pieces: _Pieces, *, limit: int) -> Written:
    """Make the snapshot the end of the log, up to *limit* bytes; `pieces.known` is what the file holds from *start* on.

    If the two don't join, nothing is written.
    """
    known, text = pieces.known, pieces.text
    firm = len(known) - pieces.open_known
    begins = _alignment(
        known[:firm],
        text[pieces.head : len(text) - pieces.open_text],
        is_whole=start == 0 and not pieces.head,
        is_tail=not _is_whole(text),
    )
    if begins is None:
        return Written(other=text if pieces.fresh is None else pieces.fresh)
    begins -= pieces.head
    # Write over the stored open end too: the snapshot may show that a secret begins there, and covers it.
    if begins + len(text) <= len(known):
        return Written()
    fresh, is_cut = _fitting(text[firm - begins :], room=limit - start - firm if limit else None)
    file.seek(start + firm)
    file.write(fresh)
    return Written(is_cut=is_cut)


def _alignment(known: bytes, snapshot: bytes, *, is_whole: bool, is_tail: bool) -> int | None:
    """Return where in *known* the *snapshot* begins, if it lies in it or continues it; None if they don't join.

    A whole log begins at 0. Of a tail the first `_ANCHOR` bytes are searched for, and each place is then compared to the
    end: an output that repeats itself has several places, and the first that fits is taken.
    """
    if is_whole and known[: len(snapshot)] == snapshot[: len(known)]:
        return 0
    anchor = snapshot[:_ANCHOR]
    position = known.find(anchor) if is_tail else -1
    while position >= 0:
        if snapshot.startswith(known[position : position + len(snapshot)]):
            return position
        position = known.find(anchor, position + 1)
    return None
