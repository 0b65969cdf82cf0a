"""The signals of servers that work on the same data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from cictl.base.clock import Clock
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.signals.contract import Signals
from cictl_server.signals.identity import Identity
from cictl_server.signals.postgres import PostgresSignals


@dataclass(frozen=True)
class Two:
    """The signals of two servers; the same twice where a server is always alone."""

    here: Signals
    there: Signals


@contextmanager
def connected(url: str, *, clock: Clock | None = None) -> Iterator[PostgresSignals]:
    """Yield the signals of one server on the database."""
    database = Database.open(DatabaseAddress.parse(url))
    with closing(PostgresSignals(database, Identity(version="1.2.3"), clock=clock)) as signals:
        yield signals
