"""When the bytes of a log arrived, and where its steps begin: one small file beside each log.

It gets at most one line of arrivals a second, so a job that prints all day leaves two megabytes. The index is a hint and
not durable: a line that a power loss tore is skipped, and for a log without an index the times are unknown.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from cictl.base.beneath import NotBeneath, beneath
from cictl.base.json_errors import NOT_OF_TYPE
from cictl.wire.jobs import LoggedStep

GRANULARITY = timedelta(seconds=1)
"""Bytes that arrive within this time after noted ones count as arrived with them."""

_LAST_BYTES = 2048
_NAME_CHARACTERS = 200
_MOST_STEPS = 1000


class _IndexLine(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One line. The bytes from `offset` on arrived at `ms`; or, with an `index` above 0, that step begins at `offset`."""

    offset: int
    ms: int
    index: int = 0
    total: int = 0
    name: str = ""


class LogIndex:
    """The indexes of the logs below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return where the index is.

        Raises:
            NotBeneath: A link or something else is in its place.
        """
        return beneath(self._directory, f"{name}.index")

    def exists(self, name: str) -> bool:
        with suppress(NotBeneath):
            return self.path(name).exists()
        return False

    def note_arrival(self, name: str, *, offset: int, now: datetime) -> None:
        """Note that the bytes from *offset* on arrive *now*. Bytes that arrive again keep their first time."""
        descriptor = self._open(name)
        try:
            last = _last_arrival(descriptor)
            ms = _milliseconds(now)
            is_news = last is None or (offset >= last.offset and ms - last.ms >= GRANULARITY.total_seconds() * 1000)
            if is_news:
                os.write(descriptor, _line(_IndexLine(offset=offset, ms=ms)))
        finally:
            os.close(descriptor)

    def note_steps(self, name: str, steps: Iterable[LoggedStep]) -> None:
        """Note where *steps* begin. Those that are noted already, and a log's 1,001st, are left out."""
        fresh = {step.index: step for step in reversed(list(steps)) if step.index > 0}
        if not fresh:
            return
        known = {entry.index for entry in self._entries(name) if entry.index > 0}
        room = _MOST_STEPS - len(known)
        wanted = [fresh[index] for index in sorted(fresh.keys() - known)[:room]]
        lines = [
            _line(
                _IndexLine(
                    offset=step.log_offset,
                    ms=_milliseconds(step.started_utc),
                    index=step.index,
                    total=step.total,
                    name=step.name[:_NAME_CHARACTERS],
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

    def steps(self, name: str) -> list[LoggedStep]:
        """Return the steps that have begun, by their index. If a step was reported twice, the first report counts."""
        found: dict[int, LoggedStep] = {}
        for entry in self._entries(name):
            if entry.index > 0:
                step = LoggedStep(
                    index=entry.index,
                    total=entry.total,
                    name=entry.name,
                    started_utc=_instant(entry.ms),
                    log_offset=entry.offset,
                )
                found.setdefault(entry.index, step)
        return sorted(found.values(), key=lambda step: step.index)

    def offset_since(self, name: str, instant: datetime) -> int | None:
        """Return the offset of the first byte that arrived at *instant* or later, to within `GRANULARITY`.

        None when everything arrived before, or no times are known.
        """
        earliest = _milliseconds(instant - GRANULARITY)
        return next((entry.offset for entry in self._arrivals(name) if entry.ms > earliest), None)

    def arrivals(self, name: str) -> Arrivals:
        """Return a reader of the times."""
        return Arrivals(name, self)

    def delete(self, name: str) -> None:
        (self._directory / f"{name}.index").unlink(missing_ok=True)

    def _open(self, name: str) -> int:
        return os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def _arrivals(self, name: str) -> Iterator[_IndexLine]:
        furthest = 0
        for entry in self._entries(name):
            if entry.index == 0 and entry.offset >= furthest:
                furthest = entry.offset
                yield entry

    def _entries(self, name: str) -> Iterator[_IndexLine]:
        with suppress(FileNotFoundError), self.path(name).open("rb") as file:
            for line in file:
                if (entry := _entry(line)) is not None:
                    yield entry


class Arrivals:
    """The arrival times of one log, read forward in step with a reader of a log that may still grow."""

    def __init__(self, name: str, index: LogIndex) -> None:
        self.name = name
        self._index = index
        self._position = 0
        self._ahead: deque[_IndexLine] = deque()
        self._now: _IndexLine | None = None

    def at(self, offset: int) -> tuple[datetime | None, int | None]:
        """Return when the byte at *offset* arrived, and the offset at which the next known time begins.

        Either is None when it is not known. Read the byte first, then ask: a line is written before its bytes. Offsets must
        not fall from one call to the next.
        """
        self._read_on()
        while self._ahead and self._ahead[0].offset <= offset:
            self._now = self._ahead.popleft()
        until = self._ahead[0].offset if self._ahead else None
        return (_instant(self._now.ms) if self._now else None), until

    def _read_on(self) -> None:
        with suppress(FileNotFoundError), self._index.path(self.name).open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                entry = _entry(line)
                if entry is not None and entry.index == 0 and entry.offset >= self._furthest():
                    self._ahead.append(entry)

    def _furthest(self) -> int:
        latest = self._ahead[-1] if self._ahead else self._now
        return latest.offset if latest else 0


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
        return msgspec.json.decode(line, type=_IndexLine)
    except NOT_OF_TYPE:
        return None


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
