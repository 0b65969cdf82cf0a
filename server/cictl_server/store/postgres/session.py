"""The statements of one transaction, and what it counts on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import msgspec
from psycopg import Connection

from cictl_server.postgres.database import LIFE
from cictl_server.postgres.pipeline import Answer, Pipeline, Row
from cictl_server.store.postgres.locks import BeyondReach, Locks

T = TypeVar("T")

_FIRST_PAGE = 50
_LARGEST_PAGE = 1000

# The locks must not be held while the disk is waited for, so there is a flush of its own after the commit.
_BEGIN = "SELECT pg_current_xact_id()::text, {life}, set_config('synchronous_commit', 'off', true), {lock}(%s)"
_LOCK = "SELECT count(pg_advisory_xact_lock(key)) FROM unnest(%s::bigint[]) AS key"
_READ_LAST_IDS = "SELECT name, last FROM last_ids"
_WRITE_LAST_IDS = (
    "INSERT INTO last_ids (name, last) SELECT * FROM unnest(%s::text[], %s::bigint[])"
    " ON CONFLICT (name) DO UPDATE SET last = greatest(last_ids.last, excluded.last)"
)
_READ_COUNTERS = "SELECT name, value FROM counters WHERE name = ANY(%s)"
_WRITE_COUNTERS = (
    "INSERT INTO counters (name, value) SELECT * FROM unnest(%s::text[], %s::bigint[])"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value"
)


def compose(statement: str, **parts: str) -> str:
    """Return *statement* with our own pieces of SQL at their places; values never go this way."""
    return statement.format(**parts)


_BEGIN_ALONE = compose(_BEGIN, lock="pg_advisory_xact_lock", life=LIFE)
_BEGIN_BESIDE_OTHERS = compose(
    "{begin}, ({lock})", begin=compose(_BEGIN, lock="pg_advisory_xact_lock_shared", life=LIFE), lock=_LOCK
)


class Mark(NamedTuple):
    """What PostgreSQL knows a transaction by.

    Attributes:
        xid: Its number.
        life: The life of the database in which it has that number.
    """

    xid: str
    life: str


class _NotFetched(Exception):
    """Raised out of a question once it is known what it looks up first."""


class _Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that was sent before anybody asked for its rows."""

    statement: str
    values: tuple[object, ...]
    answer: Answer


class Session:
    """One transaction over one connection. Where it can change something it is one pipeline, so only `rows` waits.

    Attributes:
        locks: Those of `Store.write`; None where nothing can change.
        has_changes: Whether it has changed anything so far.
    """

    def __init__(self, connection: Connection, *, pipeline: Pipeline | None = None, locks: Locks | None = None) -> None:
        """Work on *connection*; with *locks* in a *pipeline* of it."""
        self._connection = connection
        self._pipeline = pipeline
        self.locks = locks
        self.has_changes = False
        self._is_over = False
        self._mark: Answer | None = None
        """Asked for at once, so that its answer comes along with that of a later statement."""
        self._inserts: dict[str, list[Row]] = {}
        """Rows that were not sent yet, by their statement."""
        self._foreseen: list[_Foreseen] = []
        """What was sent ahead, until the first change makes it old."""
        self._noted: list[tuple[str, tuple[object, ...]]] | None = None
        """The statements of the questions that are being foreseen; None at other times."""
        self._counts: Counter[str] = Counter()
        self._last_ids: dict[str, int] | None = None
        self._new_last_ids: dict[str, int] = {}

    def begin(self) -> None:
        """Take the locks, and ask for the mark."""
        assert self.locks is not None
        if self.locks.are_all:
            self._mark = self._send(_BEGIN_ALONE, (self.locks.of_store,))
        else:
            self._mark = self._send(_BEGIN_BESIDE_OTHERS, (self.locks.of_store, self.locks.first))

    @property
    def can_change(self) -> bool:
        """Whether it belongs to `Store.write`."""
        return self.locks is not None

    def covers(self, run: str) -> bool:
        """Tell whether nobody else can change *run* now; nobody can in what a read sees."""
        return self.locks is None or self.locks.cover(run)

    def look_at_others(self, *, is_for_claims: bool = False) -> None:
        """Be alone before a look at what executions of several runs decide together, or none of two that end would see that both have.

        Args:
            is_for_claims: Only claims add to what is looked at, so it is enough if there is no other claim.

        Raises:
            BeyondReach: Others may change some of them meanwhile.
        """
        if self.locks is not None and not (self.locks.are_all or (is_for_claims and self.locks.are_of_claim)):
            raise BeyondReach

    def lock_run(self, run: str) -> None:
        """Let nobody else change *run* from now on.

        Raises:
            BeyondReach: The transaction does not reach it.
        """
        assert self.locks is not None, "changes need a write transaction"
        if not self.locks.cover(run):
            self._send(_LOCK, ([self.locks.take(run)],))
            self._foreseen.clear()

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Run a statement, and everything sent before it, and return its rows."""
        for foreseen in self._foreseen:
            if foreseen.statement == statement and foreseen.values == values:
                return foreseen.answer.rows()
        if self._noted is not None:
            self._noted.append((statement, values))
            raise _NotFetched
        self._send_inserts()
        if self._pipeline is not None:
            return self._pipeline.send(statement, values).rows()
        with Pipeline(self._connection) as pipeline:
            answer = pipeline.send(statement, values)
        return answer.rows()

    def foresee(self, questions: Iterable[Callable[[], object]]) -> None:
        """Send the first statement of each question, all of them in one round trip."""
        self._send_inserts()
        noted = self._first_statements(questions)
        if self._pipeline is not None:
            self._foreseen += _sent(self._pipeline, noted)
        else:
            with Pipeline(self._connection) as pipeline:
                self._foreseen += _sent(pipeline, noted)

    def value(self, statement: str, *values: object) -> Any:
        """Return the first column of the first row; None if there is no row."""
        found = self.rows(statement, *values)
        return found[0][0] if found else None

    def change(self, statement: str, *values: object) -> None:
        """Send a statement that changes something, without waiting for it. `begin_change` comes before."""
        self._note_change()
        self._send_inserts()
        self._send(statement, values)

    def insert(self, statement: str, *row: object) -> None:
        """Insert a row. Those that follow each other go together: *statement* takes a list for each column.

        `begin_change` comes before.
        """
        self._note_change()
        self._inserts.setdefault(statement, []).append(row)

    def begin_change(self, *, run: str | None = None) -> None:
        """Refuse what may not be changed: anything in a read, and what the transaction does not reach.

        Args:
            run: What is about to be changed belongs to this run; None for what belongs to none.

        Raises:
            BeyondReach: The transaction has told less.
        """
        assert self.locks is not None, "changes need a write transaction"
        assert not self._is_over, "changes need a write transaction that goes on"
        if not (self.locks.are_all or (run is not None and self.locks.cover(run))):
            raise BeyondReach
        self._note_change()

    def _note_change(self) -> None:
        self._foreseen.clear()
        self.has_changes = True

    def paged(self, page: Callable[[T | None, int], list[T]]) -> Iterator[T]:
        """Yield what *page* returns: at most as many as its second argument says, those after its first one."""
        size, last = _FIRST_PAGE, None
        while True:
            found = page(last, size)
            yield from found
            if len(found) < size:
                return
            size, last = min(4 * size, _LARGEST_PAGE), found[-1]

    def count(self, name: str, change: int) -> None:
        """Change the counter *name* at the end of the transaction."""
        self._counts[name] += change

    def counted(self, names: Sequence[str]) -> dict[str, int]:
        """Return the values of counters, with the changes of this transaction."""
        stored: dict[str, int] = dict(self.rows(_READ_COUNTERS, list(names)))
        return {name: stored.get(name, 0) + self._counts[name] for name in names}

    def last_id(self, table: str) -> int:
        """Return the highest number that *table* ever had or handed out; 0 for none."""
        if self._last_ids is None:
            self._last_ids = dict(self.rows(_READ_LAST_IDS))
        return max(self._last_ids.get(table, 0), self._new_last_ids.get(table, 0))

    def use_id(self, table: str, number: int) -> None:
        """Note that *table* has, or handed out, this number."""
        if number > self.last_id(table):
            self._new_last_ids[table] = number

    def finish(self) -> Mark:
        """Send what was counted, and return the mark of this transaction, which has changed something."""
        self._send_inserts()
        if self._new_last_ids:
            self._send(_WRITE_LAST_IDS, _columns(self._new_last_ids))
        # In one order, so that no two transactions can wait for each other.
        counts = {name: self._counts[name] for name in sorted(self._counts) if self._counts[name]}
        if counts:
            self._send(_WRITE_COUNTERS, _columns(counts))
        assert self._mark is not None
        [(xid, life, *_)] = self._mark.rows()
        return Mark(xid=str(xid), life=str(life))

    def _first_statements(self, questions: Iterable[Callable[[], object]]) -> list[tuple[str, tuple[object, ...]]]:
        noted = self._noted = []
        try:
            for question in questions:
                with suppress(_NotFetched):
                    question()
        finally:
            self._noted = None
        return noted

    def _send_inserts(self) -> None:
        for statement, rows in self._inserts.items():
            self._send(statement, [list(column) for column in zip(*rows, strict=True)])
        self._inserts.clear()

    def _send(self, statement: str, values: Sequence[object]) -> Answer:
        assert self._pipeline is not None, "changes need a write transaction"
        return self._pipeline.send(statement, values)

    def end(self) -> None:
        """Refuse changes from now on."""
        self._is_over = True


def _sent(pipeline: Pipeline, statements: Iterable[tuple[str, tuple[object, ...]]]) -> list[_Foreseen]:
    return [
        _Foreseen(statement=statement, values=values, answer=pipeline.send(statement, values))
        for statement, values in statements
    ]


def _columns(values: dict[str, int]) -> tuple[list[str], list[int]]:
    return list(values), list(values.values())
