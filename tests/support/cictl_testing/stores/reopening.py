"""Stores of each kind, closed and opened again on the same data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.store.contract import Store
from cictl_server.store.postgres.store import PostgresStore
from cictl_server.store.tiny import TinyStore
from cictl_testing.stores.repeating import RepeatingStore

IN_A_DIRECTORY: dict[str, Callable[[Path], Store]] = {"tiny": TinyStore.open, "repeating": RepeatingStore.open}
"""Every implementation of the contract that works in a directory, by name."""

POSTGRESQL = "postgresql"
"""The one that works in a database."""


def open_postgres_store(url: str) -> PostgresStore:
    """Open the store in the schema of *url*."""
    return PostgresStore(Database.open(DatabaseAddress.parse(url)))


def open_postgres_logs(url: str, directory: Path) -> PostgresLogs:
    """Open the logs in the schema of *url*; finished ones are blobs in *directory*."""
    return PostgresLogs(Database.open(DatabaseAddress.parse(url)), DirectoryBlobs(directory))


class Reopenable:
    """One place that data lives in; `store` is the store open on it."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        self._opener = opener
        self.store = opener()

    def reopen(self) -> Store:
        self.store.close()
        self.store = self._opener()
        return self.store
