"""Logs as files below one directory: `job-7.log`, beside it `job-7.index`, and now and then `job-7.undecided`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from cictl.base.system.beneath import beneath
from cictl_server.blobs.contract import Readable
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.content import FirstBytes
from cictl_server.log_writer.contract import LogEditor, LogWriter, WholeLog
from cictl_server.log_writer.file_index import FileLogIndex, is_news
from cictl_server.log_writer.open_files import OpenLog, OpenLogs
from cictl_server.store.contract import ShortFile

_SUFFIX = ".log"
_UNDECIDED = ".undecided"
_SHORT_BYTES = 4096
"""A log up to this size goes along with the record of its end: then a job waits for one flush less."""


class FileLogs(LogWriter):
    """The logs of one server. Finished ones stay where they are.

    What was written is in the page cache, which survives `kill -9`. Where an end is undecided, a small file says how many bytes
    are decided; it is gone again as soon as all are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index = FileLogIndex(directory)
        self._open = OpenLogs()

    @property
    def index(self) -> FileLogIndex:
        return self._index

    def size(self, name: str) -> int:
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def shown_size(self, name: str) -> int:
        size = self.size(name)
        decided = self._decided(name)
        return size if decided is None else min(size, decided)

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        if offset >= self.size(name):
            return b""  # a client may name an offset that is too large for the file system to seek to
        try:
            with self._path(name).open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def append(self, name: str, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> bool:
        with self.edit(name) as log:
            if log.size != at:
                return False
            log.write(data, at=at, now=now, undecided=undecided)
            return True

    @contextmanager
    def edit(self, name: str) -> Iterator[LogEditor]:
        with self._open.edited(name, partial(self._path, name)) as log:
            yield _FileEditor(log, self._undecided(name), partial(self._index.note_arrival, name))

    def seal(self, name: str) -> int:
        """Flush the log, and close it: it is over, or an agent sends it anew after a look."""
        with self._taken(name) as descriptor:
            if descriptor is None:
                return 0
            os.fsync(descriptor)
            return os.fstat(descriptor).st_size

    def seal_or_read(self, name: str) -> tuple[int, ShortFile | None]:
        """Close the log as `seal` does, but flush it only if it is long."""
        with self._taken(name) as descriptor:
            if descriptor is None:
                return 0, None
            content = os.pread(descriptor, _SHORT_BYTES + 1, 0)
            if len(content) <= _SHORT_BYTES:
                return len(content), ShortFile(path=self._path(name), content=content)
            os.fsync(descriptor)
            return os.fstat(descriptor).st_size, None

    @contextmanager
    def _taken(self, name: str) -> Iterator[int | None]:
        """Yield a descriptor of a log that is over, for the block; None if there is no log."""
        descriptor = self._open.take(name)
        if descriptor is None:
            with suppress(FileNotFoundError):
                descriptor = os.open(self._path(name), os.O_RDONLY)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def finish(self, name: str, *, size: int, project: str) -> None:
        """Leave the log where it is: a file serves readers of a finished log as well."""

    def receive(self, log: WholeLog, content: Readable) -> None:
        """Put the index first: the times, and how much is decided, are there before the bytes."""
        self._open.close(log.name)
        self._index.receive(log.name, log.notes)
        (self._directory / f"{log.name}{_UNDECIDED}").unlink(missing_ok=True)
        if log.undecided:
            _set_decided(self._undecided(log.name), log.size - log.undecided)
        if self.size(log.name) < log.size:
            place = DirectoryBlobs(self._directory.parent)
            place.put(f"{self._directory.name}/{log.name}{_SUFFIX}", FirstBytes(content, log.size))

    def unfinished(self) -> Iterator[str]:
        return iter(())

    def names(self) -> Iterator[str]:
        for path in self._directory.iterdir():
            if path.name.endswith(_SUFFIX):
                yield path.name.removesuffix(_SUFFIX)

    def delete(self, name: str) -> None:
        self._open.close(name)
        for suffix in (_SUFFIX, _UNDECIDED):
            (self._directory / f"{name}{suffix}").unlink(missing_ok=True)
        self._index.delete(name)

    def close(self) -> None:
        self._open.close_all()

    def _path(self, name: str, suffix: str = _SUFFIX) -> Path:
        """Return where the log is, or what is beside it.

        Raises:
            NotBeneath: A link or something else is in its place, as after a restore by hand; to readers it is not there.
        """
        return beneath(self._directory, f"{name}{suffix}")

    def _undecided(self, name: str) -> str:
        return f"{self._directory}/{name}{_UNDECIDED}"

    def _decided(self, name: str) -> int | None:
        """Return how many bytes of the log are decided; None where all are."""
        if not os.path.lexists(self._undecided(name)):  # which is nearly always so, and quick to tell
            return None
        with suppress(FileNotFoundError, ValueError):
            return int(self._path(name, _UNDECIDED).read_bytes())
        return None


class _FileEditor(LogEditor):
    """A log file opened for reading and writing, unbuffered."""

    def __init__(self, log: OpenLog, undecided: str, note_arrival: Callable[[int, datetime], tuple[int, int]]) -> None:
        self._log = log
        self._descriptor = log.descriptor
        self._undecided = undecided
        self._note_arrival = note_arrival
        self._size = os.fstat(log.descriptor).st_size

    @property
    def size(self) -> int:
        return self._size

    def read_from(self, offset: int) -> bytes:
        data = bytearray()
        while piece := os.pread(self._descriptor, self._size - offset - len(data), offset + len(data)):
            data += piece
        return bytes(data)

    def write(self, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> None:
        end = at + len(data)
        if end > self._size:  # the time, and how much is decided, are there before the bytes
            self._note_time(now)
        if undecided:
            _set_decided(self._undecided, end - undecided)
        view, place = memoryview(data), at
        while view:
            written = os.pwrite(self._descriptor, view, place)
            view, place = view[written:], place + written
        if end < self._size:
            os.ftruncate(self._descriptor, end)
        if not undecided and os.path.lexists(self._undecided):
            Path(self._undecided).unlink()
        self._size = end

    def _note_time(self, now: datetime) -> None:
        """Note that bytes arrive at the end of the log; the index is asked only where the last note is too old to cover them."""
        noted = self._log.noted
        if noted is None or is_news(noted, offset=self._size, now=now):
            self._log.noted = self._note_arrival(self._size, now)


def _set_decided(path: str, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(descriptor, b"%019d" % size, 0)  # of one length always, so that no reader finds a mixture
    finally:
        os.close(descriptor)
