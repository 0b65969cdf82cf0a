"""Stores of each kind, closed and opened again on the same data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.store.contract import Store
from cictl_server.store.postgres.store import PostgresStore
from cictl_server.store.tiny.store import TinyStore
from cictl_testing.stores.repeating import RepeatingStore

IN_A_DIRECTORY: dict[str, Callable[[Path], Store]] = {"tiny": TinyStore.open, "repeating": RepeatingStore.open}
"""Every implementation of the contract that works in a directory, by name."""

POSTGRESQL = "postgresql"
"""The one that works in a database."""


def open_postgres_store(url: str) -> PostgresStore:
    """Open the store in the schema of *url*."""
    return PostgresStore(Database.open(DatabaseAddress.parse(url)))


class Reopenable:
    """One place that data lives in; `store` is the store open on it."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        self._opener = opener
        self.store = opener()

    def reopen(self) -> Store:
        self.store.close()
        self.store = self._opener()
        return self.store
