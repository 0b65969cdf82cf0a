"""One run of a change, from its lock to its commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from psycopg import Connection

from cictl_server.store.contract import Transaction
from cictl_server.store.postgres.session import Mark, Session
from cictl_server.store.postgres.transaction import KeptSets, PostgresTransaction

T = TypeVar("T")

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# The lock must not be held while the disk is waited for. Whoever wants the change to be durable flushes after the commit.
_LOCK = "SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(%s)"


class Run(Generic[T]):
    """One run.

    Attributes:
        actions: What is to be done after the commit.
        mark: What PostgreSQL knows the transaction by, once that is being committed; None before, or if it changed nothing.
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
        self.mark: Mark | None = None

    def execute(self, connection: Connection) -> None:
        """Run the change in a transaction of *connection*, and commit it. Begin and lock go along with its first look-up.

        What it changed is not durable yet.
        """
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
                    self.mark = session.finish()
                connection.execute("COMMIT")
        finally:
            session.end()
        self.actions = transaction.actions
