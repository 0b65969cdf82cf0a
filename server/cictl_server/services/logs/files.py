"""The output of executions: append-only files by name, addressed by byte offset. Knows files and bytes, no job states.

Bytes of a running execution are in the page cache only: they survive kill -9, and after a power loss the agent sends them
again from its own copy, because the server then answers its next report with the size that it really holds. `seal` makes
them durable; a terminal report is acknowledged after that.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cictl.redaction import starred
from cictl_server.errors import LogGap
from cictl_server.services.logs.index import LogIndex
from cictl_server.services.secrets.masks import Mask, Masks

SNAPSHOT_LIMIT = 524_288
"""Bytes that an agent of the reference sends of a log at most: its tail."""

_ANCHOR = 4096


class LogFiles:
    """The logs below one directory.

    The secrets of an execution are overwritten in place, with as many `*`: offsets and sizes stay those of its agent.

    Attributes:
        index: When their bytes arrived, and where their steps begin.
        written_bytes: What all of them grew by since this was made.
    """

    def __init__(self, directory: Path, masks: Masks) -> None:
        self._directory = directory
        self._masks = masks
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.index = LogIndex(directory)
        self.written_bytes = 0
        self._counting = threading.Lock()
        self._locks = [threading.Lock() for _ in range(64)]

    def path(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def size(self, name: str) -> int:
        """Return the bytes of the log so far; 0 for none."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def shown_size(self, name: str) -> int:
        """Return the bytes of the log that may be shown: all but an end that the next bytes could make a secret."""
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
            return b""  # no file system seeks to any offset that a client can name
        try:
            with self.path(name).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def append(self, name: str, data: bytes, *, offset: int) -> None:
        """Write *data* so that it begins at *offset*; bytes that are stored already are passed over.

        Raises:
            LogGap: *offset* is past the end.
        """
        mask = self._masks.of_log(name)
        with self._lock(name), self._open(name) as file:
            size = file.seek(0, os.SEEK_END)
            if offset > size:
                raise LogGap(size)
            fresh = data[size - offset :]
            if mask is not None:
                fresh = _covered(file, fresh, size=size, name=name, mask=mask)
            file.seek(size)
            file.write(fresh)
        self._note_growth(len(fresh))

    def replace(self, name: str, snapshot: bytes) -> None:
        """Make *snapshot*, the whole log or the last `SNAPSHOT_LIMIT` bytes of it, the end of the log.

        What continues the stored bytes is appended; a tail is joined to them where they overlap, so a log stays whole
        although its agent sends tails; an older snapshot that arrives late changes nothing. Anything else replaces the
        log, as the contract says.
        """
        mask = self._masks.of_log(name)
        with self._lock(name), self._open(name) as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - 2 * SNAPSHOT_LIMIT)
            file.seek(start)
            known = file.read()
            if mask is None:
                _merge(file, start, _Pieces(known=known, text=snapshot))
            else:
                mask.forget_end(name)
                _merge(file, start, _masked_pieces(known, snapshot, mask))
            growth = file.seek(0, os.SEEK_END) - size
        self._note_growth(max(0, growth))

    def sha256(self, name: str) -> str:
        """Return the hex digest of the whole log."""
        try:
            with self.path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return hashlib.sha256().hexdigest()

    def reset(self, name: str) -> None:
        """Forget the bytes of a log that is damaged; its agent sends them again, and their times stay."""
        with self._lock(name), suppress(FileNotFoundError):
            os.truncate(self.path(name), 0)

    def seal(self, name: str) -> None:
        """Make the log durable."""
        with suppress(FileNotFoundError), self.path(name).open("rb") as file:
            os.fsync(file.fileno())

    def delete(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)
        self.index.delete(name)

    def _note_growth(self, size: int) -> None:
        with self._counting:
            self.written_bytes += size

    def _lock(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % len(self._locks)]

    def _open(self, name: str) -> _LogHandle:
        return _LogHandle(self.path(name))


class _LogHandle:
    """A file opened for reading and writing, created 0600, unbuffered so that a write is one system call."""

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
        """Return everything from where the file stands."""
        return self._file.readall()

    def truncate(self) -> None:
        self._file.truncate()

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def _is_whole(snapshot: bytes) -> bool:
    """Whether a snapshot has to be a whole log: it is too short for a tail, which may lack some bytes of a character."""
    return len(snapshot) <= SNAPSHOT_LIMIT - _ANCHOR


def _covered(file: _LogHandle, fresh: bytes, *, size: int, name: str, mask: Mask) -> bytes:
    """Return the bytes that a log of *size* bytes grows by with their secrets covered; the stored part of one is too."""
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
    """The stored end of a log, and a snapshot of it.

    Attributes:
        open_known: Bytes at the end of `known` that are not covered although the next ones may make them a secret.
        open_text: The same of `text`.
        head: Bytes at the start of `text`, a tail then, that may be the rest of a secret.
        fresh: What is stored where the two don't join.
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


def _merge(file: _LogHandle, start: int, pieces: _Pieces) -> None:
    """Make the snapshot the end of the log, whose stored end begins at *start*."""
    known, text = pieces.known, pieces.text
    firm = len(known) - pieces.open_known
    begins = _alignment(
        known[:firm],
        text[pieces.head : len(text) - pieces.open_text],
        is_whole=start == 0 and not pieces.head,
        is_tail=not _is_whole(text),
    )
    if begins is None:
        file.seek(0)
        file.truncate()
        file.write(text if pieces.fresh is None else pieces.fresh)
        return
    begins -= pieces.head
    if begins + len(text) > len(known):
        file.seek(start + firm)
        file.write(text[firm - begins :])


def _alignment(known: bytes, snapshot: bytes, *, is_whole: bool, is_tail: bool) -> int | None:
    """Return where in *known* the *snapshot* begins that goes on with it or lies in it; None where they do not join."""
    if is_whole and known[: len(snapshot)] == snapshot[: len(known)]:
        return 0
    anchor = snapshot[:_ANCHOR]
    position = known.find(anchor) if is_tail else -1
    while position >= 0:
        if snapshot.startswith(known[position : position + len(snapshot)]):
            return position
        position = known.find(anchor, position + 1)
    return None
