"""The store that servers of tests get: that of `CICTL_TEST_STORE`, by default TinyDB."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cictl_server.store.contract import Store
from cictl_server.store.tiny import TinyStore
from cictl_testing.servers.postgres import Postgres
from cictl_testing.stores.reopening import open_postgres_store
from cictl_testing.stores.repeating import RepeatingStore

VARIABLE = "CICTL_TEST_STORE"
"""`tiny`, `repeating` or `postgresql`."""


def chosen_kind() -> str:
    return os.environ.get(VARIABLE, "tiny")


class PostgresPlaces:
    """A schema for each data directory of one test, emptied and used again by the next one: to make one takes 0.1 s."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._schemas = ExitStack()
        self._free: list[str] = []
        self._used: dict[Path, str] = {}

    def open(self, directory: Path) -> Store:
        """Open the store that belongs to *directory*."""
        if directory not in self._used:
            self._used[directory] = (
                self._free.pop() if self._free else self._schemas.enter_context(self._postgres.schema())
            )
        return open_postgres_store(self._used[directory])

    def empty(self) -> None:
        """Forget what the directories held."""
        for url in self._used.values():
            self._postgres.empty(url)
            self._free.append(url)
        self._used.clear()

    def close(self) -> None:
        self._schemas.close()


_OPENERS: dict[str, Callable[[Path], Store]] = {"tiny": TinyStore.open, "repeating": RepeatingStore.open}


def open_chosen(directory: Path) -> Store:
    """Open the store of a server whose data are in *directory*."""
    return _OPENERS[chosen_kind()](directory)


def use_postgres(places: PostgresPlaces) -> None:
    """Let servers of tests that want PostgreSQL find it here."""
    _OPENERS["postgresql"] = places.open
