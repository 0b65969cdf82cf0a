"""Servers without sockets that share one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.signals.identity import Identity
from cictl_server.signals.postgres import PostgresSignals
from cictl_server.store.contract import Store
from cictl_server.store.postgres.store import PostgresStore
from cictl_testing.server import RunningServer, SteppedClock


@dataclass
class SharingServer(RunningServer):
    """One of the servers; give all of them the same clock."""

    database_url: str = ""

    def open_data(self) -> tuple[Store, LogWriter]:
        database = Database.open(DatabaseAddress.parse(self.database_url))
        identity = Identity(version=self.version)
        self.settings["signals"] = PostgresSignals(database.another(), identity, clock=self.clock)
        return PostgresStore(database), PostgresLogs(database.another(), DirectoryBlobs(self.directory))


@contextmanager
def sharing(url: str, *directories: Path) -> Iterator[tuple[SharingServer, SharingServer]]:
    """Yield two servers on the database, each with its directory; the first one leads."""
    clock = SteppedClock()
    for directory in directories:
        directory.mkdir(exist_ok=True)
    servers = [SharingServer(directory, clock=clock, database_url=url) for directory in directories]
    yield servers[0], servers[1]
    for server in servers:
        server.close()
