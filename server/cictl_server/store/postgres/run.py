"""One run of a change, from its lock to its commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from psycopg import Connection

from cictl_server.postgres.database import FLUSH
from cictl_server.postgres.pipeline import Pipeline
from cictl_server.store.contract import Transaction
from cictl_server.store.postgres.locks import Locks
from cictl_server.store.postgres.session import Mark, Session
from cictl_server.store.postgres.transaction import KeptSets, PostgresTransaction

T = TypeVar("T")

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


class Run(Generic[T]):
    """One run.

    Attributes:
        actions: What is to be done after the commit.
        mark: What PostgreSQL knows the transaction by, once that is being committed; None before, or if it changed nothing.
        flush_seconds: How long commit and flush took; None as long as what it changed may not be durable.
    """

    result: T

    def __init__(
        self,
        change: Callable[[Transaction], T],
        *,
        last_steps: Sequence[Callable[[Transaction], None]],
        kept: KeptSets,
        locks: Locks,
    ) -> None:
        self._change = change
        self._last_steps = last_steps
        self._kept = kept
        self._locks = locks
        self.actions: list[Callable[[], None]] = []
        self.mark: Mark | None = None
        self.flush_seconds: float | None = None

    def execute(self, connection: Connection) -> None:
        """Run the change in a transaction of *connection*, commit it, and wait for the disk.

        Begin and locks go along with its first look-up, and the flush goes along with the commit. By then nobody waits for its locks any more.
        """
        pipeline = Pipeline(connection)
        session = Session(connection, pipeline=pipeline, locks=self._locks)
        transaction = PostgresTransaction(session, self._kept)
        try:
            with pipeline:
                pipeline.send(_BEGIN)
                session.begin()
                self.result = self._change(transaction)
                if session.has_changes:
                    for step in self._last_steps:
                        step(transaction)
                    self.mark = session.finish()
                pipeline.send("COMMIT")
                if self.mark:
                    pipeline.send(FLUSH)
                    begun = time.perf_counter()
            if self.mark:
                self.flush_seconds = time.perf_counter() - begun
        finally:
            session.end()
        self.actions = transaction.actions
