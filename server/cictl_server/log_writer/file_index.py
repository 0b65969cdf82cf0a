"""The index of logs as files: one small file beside each log.

It gets at most one line of arrivals a second, so a job that prints all day leaves two megabytes. A line that a power loss
tore is skipped.
"""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.system.beneath import NotBeneath, beneath
from cictl.base.typed_json import read_json_as
from cictl.wire.jobs import LoggedStep
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.contract import (
    GRANULARITY,
    MOST_STEPS,
    NAME_CHARACTERS,
    Arrival,
    Arrivals,
    LogIndex,
    Notes,
    instant_of,
    milliseconds,
)
from cictl_server.log_writer.line_marks import MARK_BYTES, LineMark, decode_marks, encode_marks

_SUFFIX = ".index"
_LINES = ".lines"
_LAST_BYTES = 2048
_REMEMBERED = 256
"""Of so many logs it is known how far their steps were read."""


class _IndexLine(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One line. The bytes from `offset` on arrived at `ms`; or, with an `index` above 0, that step begins at `offset`."""

    offset: int
    ms: int
    index: int = 0
    total: int = 0
    name: str = ""


class FileLogIndex(LogIndex):
    """The indexes of the logs below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _KnownSteps] = OrderedDict()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def exists(self, name: str) -> bool:
        with suppress(NotBeneath):
            return self._path(name).exists()
        return False

    def note_arrival(self, name: str, offset: int, now: datetime) -> tuple[int, int]:
        """Note that the bytes from *offset* on arrive *now*, unless that is within `GRANULARITY` of the last note.

        Return the offset and the milliseconds of what is the last note then.
        """
        descriptor = self._open(name)
        try:
            last = _last_arrival(descriptor)
            if last is not None and not is_news((last.offset, last.ms), offset=offset, now=now):
                return last.offset, last.ms
            ms = milliseconds(now)
            os.write(descriptor, _line(_IndexLine(offset=offset, ms=ms)))
        finally:
            os.close(descriptor)
        return offset, ms

    def note_steps(self, name: str, steps: Iterable[LoggedStep]) -> None:
        fresh = {step.index: step for step in reversed(list(steps)) if step.index > 0}
        if not fresh:
            return
        known = {step.index for step in self.steps(name)}
        room = MOST_STEPS - len(known)
        wanted = [fresh[index] for index in sorted(fresh.keys() - known)[:room]]
        lines = [
            _line(
                _IndexLine(
                    offset=step.log_offset,
                    ms=milliseconds(step.started_utc),
                    index=step.index,
                    total=step.total,
                    name=step.name[:NAME_CHARACTERS],
                )
            )
            for step in wanted
        ]
        if lines:
            descriptor = self._open(name)
            try:
                os.write(descriptor, b"".join(lines))
            finally:
                os.close(descriptor)

    def notes(self, name: str) -> Notes:
        steps = self.steps(name)
        return Notes(
            arrivals=[(entry.offset, entry.ms) for entry in self._arrivals(name)],
            steps=[(s.index, s.total, s.name, milliseconds(s.started_utc), s.log_offset) for s in steps],
            lines=self.line_marks(name),
        )

    def receive(self, name: str, notes: Notes) -> None:
        """Let *notes* be all that is noted about the log."""
        self.delete(name)
        entries = [_IndexLine(offset=offset, ms=ms) for offset, ms in notes.arrivals]
        entries += [
            _IndexLine(offset=offset, ms=ms, index=number, total=total, name=text)
            for number, total, text, ms, offset in notes.steps
        ]
        if entries:
            lines = io.BytesIO(b"".join(_line(entry) for entry in entries))
            DirectoryBlobs(self._directory.parent).put(f"{self._directory.name}/{name}{_SUFFIX}", lines)
        if notes.lines:
            self.note_line_marks(name, notes.lines, known=0)

    def steps(self, name: str) -> list[LoggedStep]:
        """See `LogIndex.steps`. What was read before is not read again: many may look at a log that grows."""
        with self._lock:
            known = self._known.get(name) or _KnownSteps()
        with suppress(FileNotFoundError), self._path(name).open("rb") as file:
            known = known.brought_up_to_date(file)
            with self._lock:
                self._known[name] = known
                self._known.move_to_end(name)
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return sorted(known.steps.values(), key=lambda step: step.index)

    def line_marks(self, name: str) -> list[LineMark]:
        with suppress(FileNotFoundError), beneath(self._directory, f"{name}{_LINES}").open("rb") as file:
            return decode_marks(file.read())
        return []

    def note_line_marks(self, name: str, marks: Sequence[LineMark], *, known: int) -> None:
        """Put each mark into its place: two readers that do so at once put the same."""
        path = beneath(self._directory, f"{name}{_LINES}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(descriptor, encode_marks(marks[known:]), known * MARK_BYTES)
            os.ftruncate(descriptor, len(marks) * MARK_BYTES)
        finally:
            os.close(descriptor)

    def offset_since(self, name: str, instant: datetime) -> int | None:
        earliest = milliseconds(instant - GRANULARITY)
        return next((entry.offset for entry in self._arrivals(name) if entry.ms > earliest), None)

    def arrivals(self, name: str) -> Arrivals:
        return _FileArrivals(name, self._directory)

    def delete(self, name: str) -> None:
        """Remove what is noted about the log."""
        with self._lock:
            self._known.pop(name, None)
        for suffix in (_SUFFIX, _LINES):
            (self._directory / f"{name}{suffix}").unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return _path(self._directory, name)

    def _open(self, name: str) -> int:
        return os.open(self._path(name), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def _arrivals(self, name: str) -> Iterator[_IndexLine]:
        furthest = 0
        for entry in self._entries(name):
            if entry.index == 0 and entry.offset >= furthest:
                furthest = entry.offset
                yield entry

    def _entries(self, name: str) -> Iterator[_IndexLine]:
        with suppress(FileNotFoundError), self._path(name).open("rb") as file:
            for line in file:
                if (entry := _entry(line)) is not None:
                    yield entry


class _KnownSteps(msgspec.Struct, frozen=True, kw_only=True):
    """The steps in the first bytes of an index.

    Attributes:
        file: The number of the file that was read; another one may take its place.
    """

    file: int = 0
    position: int = 0
    steps: Mapping[int, LoggedStep] = msgspec.field(default_factory=dict)

    def brought_up_to_date(self, file: IO[bytes]) -> _KnownSteps:
        status = os.fstat(file.fileno())
        is_same = self.file == status.st_ino and self.position <= status.st_size
        position, found = (self.position, dict(self.steps)) if is_same else (0, {})
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                break
            position += len(line)
            if (entry := _entry(line)) is not None and entry.index > 0:
                found.setdefault(entry.index, _step(entry))
        return _KnownSteps(file=status.st_ino, position=position, steps=found)


def _step(entry: _IndexLine) -> LoggedStep:
    return LoggedStep(
        index=entry.index,
        total=entry.total,
        name=entry.name,
        started_utc=instant_of(entry.ms),
        log_offset=entry.offset,
    )


class _FileArrivals(Arrivals):
    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name)
        self._directory = directory
        self._position = 0

    def _further(self) -> Iterator[Arrival]:
        with suppress(FileNotFoundError), _path(self._directory, self.name).open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                entry = _entry(line)
                if entry is not None and entry.index == 0:
                    yield Arrival(entry.offset, entry.ms)


def is_news(noted: tuple[int, int], *, offset: int, now: datetime) -> bool:
    """Tell whether the arrival of the bytes from *offset* on is to be noted after *noted*, an offset and its milliseconds."""
    return offset >= noted[0] and milliseconds(now) - noted[1] >= GRANULARITY.total_seconds() * 1000


def _path(directory: Path, name: str) -> Path:
    """Return where the index is.

    Raises:
        NotBeneath: A link or something else is in its place.
    """
    return beneath(directory, f"{name}{_SUFFIX}")


def _last_arrival(descriptor: int) -> _IndexLine | None:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, max(0, size - _LAST_BYTES), os.SEEK_SET)
    for line in reversed(os.read(descriptor, _LAST_BYTES).splitlines()):
        if (entry := _entry(line)) is not None and entry.index == 0:
            return entry
    return None


def _line(entry: _IndexLine) -> bytes:
    return msgspec.json.encode(entry) + b"\n"


def _entry(line: bytes) -> _IndexLine | None:
    """Read one line, or None where it was torn."""
    try:
        return read_json_as(line, _IndexLine)
    except NOT_OF_TYPE:
        return None
