"""What keeps the records and the running logs of a server: its data directory, or a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cictl.base.clock import utc_now
from cictl_server.blobs.contract import Blobs
from cictl_server.errors import InvalidRequest
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs
from cictl_server.signals.contract import Signals
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory import MemorySignals
from cictl_server.store.contract import Store
from cictl_server.store.tiny.store import TinyStore
from cictl_server.store.tiny.unfinished import refuse_unfinished

if TYPE_CHECKING:
    from cictl_server.postgres.database import Database


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """An opened store.

    Attributes:
        shown: Where the records are, for people; without a password.
        database: The connections to it, for whatever else is kept there. The store closes them. None for a data directory.
    """

    store: Store
    shown: str
    database: Database | None = None


class DatabaseStorage(Storage, frozen=True, kw_only=True):
    """One in a database."""

    database: Database


def open_storage(url: str, directory: Path) -> Storage:
    """Open the store that `--store` names.

    Args:
        url: Of a PostgreSQL database; empty for TinyDB in *directory*.
        directory: Made if it is not there: files are kept in it whatever the store is.

    Raises:
        InvalidRequest: *url* is none, or what PostgreSQL takes is not installed.
        StoreError: The store can't be opened.
    """
    if not url:
        storage: Storage = Storage(store=TinyStore.open(directory, is_long_lived=True), shown=str(directory))
    else:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        storage = open_database_store(url, makes_tables=True)
    try:
        refuse_unfinished(storage.store, where=storage.shown)
    except BaseException:
        storage.store.close()
        raise
    return storage


def open_logs(storage: Storage, blobs: Blobs, directory: Path) -> LogWriter:
    """Return where logs are kept: beside the records. Whoever asked closes it, before the store.

    Args:
        blobs: Where finished logs go, if the records are in a database.
        directory: Of the files, if they are not.
    """
    if storage.database is None:
        return FileLogs(directory / "logs")
    from cictl_server.log_writer.postgres.writer import PostgresLogs

    return PostgresLogs(storage.database.another(), blobs)


def open_signals(storage: Storage, *, version: str) -> Signals:
    """Return how this server and others on the same records tell each other what changed. Whoever asked closes them, before the store.

    Raises:
        StoreAway: The database does not answer.
    """
    identity = Identity(version=version)
    if storage.database is None:
        return MemorySignals(utc_now, identity)
    from cictl_server.signals.postgres import PostgresSignals

    return PostgresSignals(storage.database.another(), identity)


def open_database_store(url: str, *, makes_tables: bool) -> DatabaseStorage:
    """Open the store in a database, also one that was not filled to its end.

    Args:
        makes_tables: Bring the schema up to date; else change nothing, and refuse one of another version.

    Raises:
        InvalidRequest: *url* is none, or what PostgreSQL takes is not installed.
        NotFound: Nothing may be changed, and no server has used it.
        StoreError: It can't be opened.
    """
    with needing_psycopg():
        from cictl_server.postgres.address import DatabaseAddress
        from cictl_server.postgres.database import Database
        from cictl_server.store.postgres.store import PostgresStore
    address = DatabaseAddress.parse(url)
    database = Database.open(address) if makes_tables else Database.open_as_it_is(address)
    return DatabaseStorage(store=PostgresStore(database), shown=database.address.shown, database=database)


@contextmanager
def needing_psycopg() -> Iterator[None]:
    """Say how to install what the block imports.

    Raises:
        InvalidRequest: It is not there.
    """
    try:
        yield
    except ImportError as error:
        raise InvalidRequest(
            f"--store with PostgreSQL needs psycopg, which can't be imported: {error}",
            hint='pip install "cictl[postgres]"',
        ) from error
