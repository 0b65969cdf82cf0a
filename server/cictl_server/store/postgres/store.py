"""The store in one schema of a PostgreSQL database, which several servers may share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import Connection

from cictl_server.errors import StoreAway
from cictl_server.postgres.database import LIFE, WAIT_SECONDS, Database
from cictl_server.store.contract import Reach, Store, StoreFailed, StoreFigures, Transaction, View
from cictl_server.store.postgres.locks import BeyondReach, Locks, Overtaken
from cictl_server.store.postgres.run import Run
from cictl_server.store.postgres.session import Mark, Session
from cictl_server.store.postgres.transaction import KeptSets, PostgresTransaction

T = TypeVar("T")

_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_OUTCOME = f"SELECT CASE WHEN {LIFE} = %s THEN pg_xact_status(%s::xid8) END"
_ASK_SECONDS = 0.1
_AGAIN_SECONDS = 0.02
"""A pool of connections for which too many wait refuses at once. To try again without a pause would keep a processor busy."""

_UNDONE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, Overtaken)
"""This transaction had to make room for another one. It can be run again at once."""


class PostgresStore(Store):
    """The store of one schema.

    Whoever changes something holds locks until the commit, so that changes of the same follow each other at all servers; `locks` tells
    which. The commit does not wait for the disk. A flush right after it does, when the locks are free again.

    A change whose connection is lost is run again on another one. If it was lost at the commit, PostgreSQL is asked first how
    that ended. After a crash of the database nobody can tell that, so the change is neither run again nor acknowledged.
    """

    kind = "postgresql"

    def __init__(self, database: Database) -> None:
        """Work on *database*, and close it with the store."""
        self._database = database
        self._kept = KeptSets()
        self._last_steps: list[Callable[[Transaction], None]] = []
        self._marks: list[Callable[[], Callable[[], None]]] = []
        self._thread = threading.local()
        self._is_closed = False
        self._figures_lock = threading.Lock()
        self._commits = 0

    @contextmanager
    def read(self) -> Iterator[View]:
        with self._alone(), self._database.connection(_BEGIN_READ) as connection:
            yield PostgresTransaction(Session(connection), self._kept)
            connection.execute("COMMIT")

    def look(self, question: Callable[[View], T]) -> T:
        """Run *question* outside of any transaction, which costs one round trip instead of three."""

        def ask(connection: Connection) -> T:
            return question(PostgresTransaction(Session(connection), self._kept))

        with self._alone():
            return self._database.ask(ask)

    def write(self, change: Callable[[Transaction], T], *, reach: Reach | None = None) -> T:
        """Run *change* until one run is committed, for `WAIT_SECONDS` if the database is away, and wait for the disk."""
        with self._alone():
            run = self._committed(change, reach)
        if run.mark:
            self._settle_durability(run.mark, run.flush_seconds)
        for action in run.actions:
            action()
        return run.result

    def before_commit(self, action: Callable[[Transaction], None]) -> None:
        self._last_steps.append(action)

    def before_rerun(self, mark: Callable[[], Callable[[], None]]) -> None:
        self._marks.append(mark)

    def check(self) -> None:
        if self._is_closed:
            raise StoreFailed("it is closed")
        self._database.check()

    def figures(self) -> StoreFigures:
        """Return the figures of this server alone."""
        flusher = self._database.flusher
        return StoreFigures(
            commits=self._commits,
            flushes=flusher.flushes,
            flush_seconds=flusher.seconds,
            sizes={},
            connections=self._database.figures(),
        )

    def close(self) -> None:
        self._is_closed = True
        self._database.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a transaction inside another one of the same thread, which it would not see, or wait for."""
        if self._is_closed:
            raise StoreFailed("it is closed")
        assert not getattr(self._thread, "is_inside", False), "transactions do not nest"
        self._thread.is_inside = True
        try:
            yield
        finally:
            self._thread.is_inside = False

    def _committed(self, change: Callable[[Transaction], T], reach: Reach | None) -> Run[T]:
        """Return the run that was committed."""
        resets = [mark() for mark in self._marks]
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            locks = Locks(self._database.lock_key, reach)
            run = Run(change, last_steps=self._last_steps, kept=self._kept, locks=locks)
            try:
                with self._database.connection(None) as connection:
                    run.execute(connection)
            except BeyondReach:
                reach = None
            except _UNDONE:
                pass
            except StoreAway:
                if run.mark and self._was_committed(run.mark):
                    return run
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return run
            for reset in resets:
                reset()

    def _was_committed(self, mark: Mark) -> bool:
        """Tell how a transaction ended whose connection was lost; wait until it has.

        Raises:
            StoreAway: PostgreSQL does not answer, has not ended the transaction in time, or has crashed since.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            [(outcome,)] = self._database.fetch(_OUTCOME, (mark.life, mark.xid))
            if outcome is None:
                break
            if outcome != "in progress":
                return bool(outcome == "committed")
            time.sleep(_ASK_SECONDS)
        raise StoreAway

    def _settle_durability(self, mark: Mark, flush_seconds: float | None) -> None:
        """Count a transaction that was committed, once it is on the disk.

        Args:
            flush_seconds: How long its flush took; None if its connection was lost before that, so that it has to be flushed.

        Raises:
            StoreAway: PostgreSQL does not answer, or has crashed after the commit and perhaps lost it.
        """
        flusher = self._database.flusher
        if flush_seconds is not None:
            flusher.note(flush_seconds)
        elif flusher.wait() != mark.life:
            raise StoreAway
        with self._figures_lock:
            self._commits += 1
