"""The contract of logs: what services may rely on, whatever keeps the bytes.

The docstrings here are the specification; `tests/log_writer/` runs one suite against every implementation. A log has the name
of its execution and attempt: `job-7`, and after two requeues `job-7.2`. Masks, limits and the joining of snapshots are no
matter of the contract: `services/logs` puts them on top, once for all implementations.

Bytes of a running execution are not durable at once. They survive the death of the server, and perhaps no power loss. Its agent
keeps them until the end is acknowledged, and sends again what `size` says is missing. `seal` makes a log durable; a short one may become so
with the record that counts it (`seal_or_read`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import msgspec

from cictl.wire.jobs import LoggedStep
from cictl_server.blobs.contract import Readable
from cictl_server.log_writer.line_marks import LineMark
from cictl_server.store.contract import ShortFile

GRANULARITY = timedelta(seconds=1)
"""Bytes that arrive within this time after noted ones count as arrived with them."""

MOST_STEPS = 1000
NAME_CHARACTERS = 200


class Notes(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that the index has about one log.

    Attributes:
        arrivals: Offset and milliseconds of each.
        steps: Number, total, name, milliseconds and offset of each.
        lines: The marks of whole blocks, as far as they were made.
    """

    arrivals: list[tuple[int, int]] = msgspec.field(default_factory=list)
    steps: list[tuple[int, int, str, int, int]] = msgspec.field(default_factory=list)
    lines: list[LineMark] = msgspec.field(default_factory=list)


class WholeLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log as it goes from one writer to another.

    Attributes:
        name: The same at both.
        size: Its bytes.
        undecided: How many of them, at its end, may be the beginning of a secret.
        is_finished: Nobody writes any more.
        project: As in `LogWriter.finish`.
    """

    name: str
    size: int
    notes: Notes
    undecided: int = 0
    is_finished: bool = False
    project: str = ""


class LogEditor(ABC):
    """One log while its end is changed. It belongs to one thread."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes the log has now, with what was written here."""

    @abstractmethod
    def read_from(self, offset: int) -> bytes:
        """Return the bytes from *offset* to the end, as they were before the first `write`."""

    @abstractmethod
    def write(self, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> None:
        """Make *data* the end of the log: bytes from *at* on are replaced by it. At most once for each editor.

        Args:
            at: Up to `size`. With 0 the whole log is replaced; with `size` it is continued.
            now: When the bytes past the former end arrived, for the index. Those within `GRANULARITY` of the last note
                count as arrived with it, and bytes that come again keep their first time.
            undecided: How many bytes at the new end may be the beginning of a secret. `shown_size` leaves them out until
                the next write.
        """


class LogWriter(ABC):
    """The logs of one server, or of all servers that share them."""

    @property
    @abstractmethod
    def index(self) -> LogIndex:
        """When the bytes arrived, which is noted as they are written, and where steps begin."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the size of the log in bytes; 0 if there is none."""

    @abstractmethod
    def shown_size(self, name: str) -> int:
        """Return how many bytes of the log are decided: those that readers may see."""

    @abstractmethod
    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        """Return up to *limit* bytes from *offset*; empty past the end, also far past it."""

    @abstractmethod
    def append(self, name: str, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> bool:
        """Continue the log by *data*, which is not empty, if it has *at* bytes; tell whether it had.

        It does what `LogEditor.write` does at the end of the log, at a lower price.
        """

    @abstractmethod
    def edit(self, name: str) -> AbstractContextManager[LogEditor]:
        """Begin a change of the log.

        Two changes of one log never overlap, also if two servers begin them. A reader sees the change once the block has
        ended; if the block raises before it has written, nothing was changed.
        """

    @abstractmethod
    def seal(self, name: str) -> int:
        """Return the size of the log once each of these bytes survives a power loss that spares whatever the store commits from now on."""

    def seal_or_read(self, name: str) -> tuple[int, ShortFile | None]:
        """Return the size of the log, and the log itself where it is short: then it is durable only with a transaction that takes it along."""
        return self.seal(name), None

    @abstractmethod
    def finish(self, name: str, *, size: int, project: str) -> None:
        """Settle that nobody writes any more and that only the first *size* bytes will be read.

        An implementation may then bring these bytes to another place. Readers get the same bytes before, meanwhile and
        afterwards. If it is interrupted it can be done again, also by another server. Later writes change nothing that is
        read.

        Args:
            project: Whose it is: logs of one project may lie together. Empty if that is unknown.
        """

    @abstractmethod
    def receive(self, log: WholeLog, content: Readable) -> None:
        """Keep a log that another writer had, durably, instead of what is under its name. Nobody writes it meanwhile.

        If it is interrupted it can be done again. A call may take the bytes of an interrupted one, if there are enough of them, so whoever
        needs certainty reads them afterwards.

        Args:
            content: The bytes; those past the size are left out.
        """

    @abstractmethod
    def unfinished(self) -> Iterator[str]:
        """Yield the names of logs that `finish` would bring elsewhere."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Yield the name of each log, in any order."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove the log and its index, or do nothing if there is none. A reader gets no bytes then."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds; nothing is called afterwards."""


class LogIndex(ABC):
    """When the bytes of logs arrived, and where their steps and lines begin.

    It is a hint and not durable: for a log without an index the times are unknown. Times are kept to a millisecond.
    """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Tell whether anything is noted about the log."""

    @abstractmethod
    def notes(self, name: str) -> Notes:
        """Return all that is noted about the log, by ascending offset and step."""

    @abstractmethod
    def note_steps(self, name: str, steps: Iterable[LoggedStep]) -> None:
        """Note where *steps* begin. Those that are noted already, and a log's 1,001st, are left out.

        Names are cut after `NAME_CHARACTERS`. A step without a number above 0 is none.
        """

    @abstractmethod
    def steps(self, name: str) -> list[LoggedStep]:
        """Return the steps that have begun, by their number. If a step was noted twice, the first note counts."""

    @abstractmethod
    def line_marks(self, name: str) -> list[LineMark]:
        """Return the marks that are kept of the log: of its first blocks, perhaps fewer than it has."""

    @abstractmethod
    def note_line_marks(self, name: str, marks: Sequence[LineMark], *, known: int) -> None:
        """Keep *marks*, of which the first *known* are kept already, instead of what is there.

        An implementation may let it be while the log grows, if it makes them by itself when the log is finished.
        """

    @abstractmethod
    def offset_since(self, name: str, instant: datetime) -> int | None:
        """Return the offset of the first byte that arrived at *instant* or later, to within `GRANULARITY`.

        None when everything arrived before, or no times are known.
        """

    @abstractmethod
    def arrivals(self, name: str) -> Arrivals:
        """Return a reader of the times."""


class Arrival(msgspec.Struct, frozen=True):
    """A note: the bytes from `offset` on arrived at `ms`, in milliseconds since 1970."""

    offset: int
    ms: int


class Arrivals(ABC):
    """The arrival times of one log, read forward in step with a reader of a log that may still grow."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ahead: deque[Arrival] = deque()
        self._now: Arrival | None = None

    def at(self, offset: int) -> tuple[datetime | None, int | None]:
        """Return when the byte at *offset* arrived, and the offset at which the next known time begins.

        Either is None when it is not known. Read the byte first, then ask: a time can be read no later than its bytes. Offsets must
        not fall from one call to the next.
        """
        for arrival in self._further():
            if arrival.offset >= self._furthest():
                self._ahead.append(arrival)
        while self._ahead and self._ahead[0].offset <= offset:
            self._now = self._ahead.popleft()
        until = self._ahead[0].offset if self._ahead else None
        return (instant_of(self._now.ms) if self._now else None), until

    @abstractmethod
    def _further(self) -> Iterable[Arrival]:
        """Yield what was noted since the last call, in the order of the notes."""

    def _furthest(self) -> int:
        latest = self._ahead[-1] if self._ahead else self._now
        return latest.offset if latest else 0


def milliseconds(instant: datetime) -> int:
    """Return *instant* as the index keeps it."""
    return int(instant.timestamp() * 1000)


def instant_of(ms: int) -> datetime:
    """Return the instant of a note."""
    return datetime.fromtimestamp(ms / 1000, UTC)
