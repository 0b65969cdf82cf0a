"""One run of a change, from its lock to its commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from psycopg import Connection

from cictl_server.store.contract import Transaction
from cictl_server.store.postgres.session import Session
from cictl_server.store.postgres.transaction import KeptSets, PostgresTransaction

T = TypeVar("T")

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOCK = "SELECT pg_advisory_xact_lock(%s)"


class Run(Generic[T]):
    """One run.

    Attributes:
        actions: What is to be done after the commit.
        commit_seconds: How long the commit took.
        xid: PostgreSQL's number of the transaction, once that is being committed; empty before, or if it changed nothing.
    """

    result: T

    def __init__(
        self,
        change: Callable[[Transaction], T],
        *,
        last_steps: Sequence[Callable[[Transaction], None]],
        kept: KeptSets,
        lock_key: int,
    ) -> None:
        self._change = change
        self._last_steps = last_steps
        self._kept = kept
        self._lock_key = lock_key
        self.actions: list[Callable[[], None]] = []
        self.commit_seconds = 0.0
        self.xid = ""

    def execute(self, connection: Connection) -> None:
        """Run the change in a transaction of *connection*, and commit it. Begin and lock go along with its first look-up."""
        session = Session(connection, can_change=True)
        transaction = PostgresTransaction(session, self._kept)
        try:
            with connection.pipeline():
                connection.execute(_BEGIN)
                connection.execute(_LOCK, (self._lock_key,))
                self.result = self._change(transaction)
                if session.has_changes:
                    for step in self._last_steps:
                        step(transaction)
                    self.xid = session.finish()
                connection.execute("COMMIT")
                begun = time.perf_counter()
            self.commit_seconds = time.perf_counter() - begun
        finally:
            session.end()
        self.actions = transaction.actions
