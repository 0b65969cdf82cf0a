"""The store that servers of tests get, and where they keep logs: as `CICTL_TEST_STORE` says, by default TinyDB and files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.store.contract import Store
from cictl_server.store.postgres.store import PostgresStore
from cictl_server.store.tiny.store import TinyStore
from cictl_testing.servers.postgres import Postgres
from cictl_testing.stores.repeating import RepeatingStore

VARIABLE = "CICTL_TEST_STORE"
"""`tiny`, `repeating` or `postgresql`."""


def chosen_kind() -> str:
    return os.environ.get(VARIABLE, "tiny")


class _KeptDatabase(Database):
    """One that stays open for the next test when a store closes it: to connect takes longer than most tests."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


@dataclass(frozen=True)
class _Place:
    """A schema, and the connections of a server's records and logs to it."""

    url: str
    records: _KeptDatabase
    logs: _KeptDatabase


class PostgresPlaces:
    """A schema for each data directory of one test, emptied and used again by the next one: to make one takes 0.1 s."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._opened = ExitStack()
        self._free: list[_Place] = []
        self._used: dict[Path, _Place] = {}

    def open(self, directory: Path) -> Store:
        """Open the store that belongs to *directory*."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # for files, which are there whatever the store is
        return PostgresStore(self._place(directory).records)

    def open_logs(self, directory: Path) -> LogWriter:
        """Open the logs that belong to *directory*."""
        return PostgresLogs(self._place(directory).logs, DirectoryBlobs(directory))

    def stored(self, directory: Path) -> bytes:
        """Return everything that the database of *directory* holds, with bytes as they are."""
        return self._postgres.dump(self._place(directory).url)

    def _place(self, directory: Path) -> _Place:
        if directory not in self._used:
            self._used[directory] = self._free.pop() if self._free else self._new_place()
        return self._used[directory]

    def _new_place(self) -> _Place:
        url = self._opened.enter_context(self._postgres.schema())
        address = DatabaseAddress.parse(url)
        place = _Place(url, records=_KeptDatabase.open(address), logs=_KeptDatabase.open(address))
        self._opened.callback(place.records.end)
        self._opened.callback(place.logs.end)
        return place

    def empty(self) -> None:
        """Forget what the directories held."""
        for place in self._used.values():
            self._postgres.empty(place.url)
            self._free.append(place)
        self._used.clear()

    def close(self) -> None:
        self._opened.close()


_OPENERS: dict[str, Callable[[Path], Store]] = {"tiny": TinyStore.open, "repeating": RepeatingStore.open}
_LOG_OPENERS: dict[str, Callable[[Path], LogWriter]] = {}
_DUMPERS: dict[str, Callable[[Path], bytes]] = {}


def open_chosen(directory: Path, kind: str) -> Store:
    """Open the store of a server whose data are in *directory*."""
    return _OPENERS[kind](directory)


def open_chosen_logs(directory: Path, kind: str) -> LogWriter:
    """Open the logs of the same server."""
    opener = _LOG_OPENERS.get(kind)
    return opener(directory) if opener else FileLogs(directory / "logs")


def stored_elsewhere(directory: Path, kind: str) -> bytes:
    """Return what the same server keeps that is not in its directory."""
    return _DUMPERS[kind](directory) if kind in _DUMPERS else b""


def use_postgres(places: PostgresPlaces) -> None:
    """Let servers of tests that want PostgreSQL find it here."""
    _OPENERS["postgresql"] = places.open
    _LOG_OPENERS["postgresql"] = places.open_logs
    _DUMPERS["postgresql"] = places.stored
