"""One end of a copy: what a server keeps, opened without one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.blobs.opening import open_blobs
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs
from cictl_server.storage import needing_psycopg, open_database_store
from cictl_server.store.contract import Store
from cictl_server.store.copies import LOCK, copy_state, has_state, held, open_copy
from cictl_server.store.tiny.store import TinyStore
from cictl_server.transfer.errors import ServerRuns

if TYPE_CHECKING:
    from cictl_server.postgres.database import Database


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One end.

    Attributes:
        shown: Where the records are, for people.
        keeps_logs_apart: Its finished logs are among the blobs.
    """

    shown: str
    store: Store
    logs: LogWriter
    blobs: Blobs
    living_servers: Callable[[], list[str]]

    def refuse_servers(self) -> None:
        """Return if no server has it.

        Raises:
            ServerRuns: One has.
        """
        if names := self.living_servers():
            raise ServerRuns(self.shown, ", ".join(names))


def is_url(text: str) -> bool:
    """Tell whether *text* is the address of a database, and no directory."""
    return "://" in text


@contextmanager
def directory_source(directory: Path, files: str) -> Iterator[Place]:
    """Open a data directory to read from, and keep servers away from it meanwhile.

    Args:
        files: Where its server keeps artifacts and reports, if elsewhere.

    Raises:
        NotFound: There is no database.
        StoreLocked: A server uses it.
        StoreTooNew, StoreCorrupt: It is not sound.
    """
    if not has_state(directory):
        raise NotFound(f"database in {directory}")
    had_lock = (directory / LOCK).exists()
    with ExitStack() as stack:
        stack.enter_context(held(directory))
        if not had_lock:  # as in a backup, which stays as it is
            stack.callback((directory / LOCK).unlink)
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cictl-store-")))
        copy_state(directory, copy)
        store = stack.enter_context(open_copy(copy, source=directory))
        logs = directory / "logs"
        yield Place(
            shown=str(directory),
            store=store,
            logs=FileLogs(logs if logs.is_dir() else copy / "logs"),
            blobs=open_blobs(files, data_dir=directory, environ=os.environ),
            living_servers=_nobody,
        )


@contextmanager
def directory_target(directory: Path, files: str) -> Iterator[Place]:
    """Open a directory to write into.

    Raises:
        StoreLocked: A server uses it.
    """
    blobs = open_blobs(files, data_dir=directory, environ=os.environ)
    with TinyStore.open(directory) as store:
        logs = FileLogs(directory / "logs")
        yield Place(shown=str(directory), store=store, logs=logs, blobs=blobs, living_servers=_nobody)


@contextmanager
def database(url: str, files: str, *, data_dir: Path, is_target: bool) -> Iterator[Place]:
    """Open a database, and make its tables if it is the target.

    Args:
        data_dir: Where the files are if *files* is empty.

    Raises:
        NotFound: It is the source, and holds nothing of cictl.
        StoreError: It can't be opened.
    """
    with needing_psycopg():
        from cictl_server.log_writer.postgres.writer import PostgresLogs
        from cictl_server.signals.postgres.members import living_servers
    blobs = open_blobs(files, data_dir=data_dir, environ=os.environ)
    storage = open_database_store(url, makes_tables=is_target)
    opened = storage.database
    with ExitStack() as stack:
        stack.callback(storage.store.close)
        if is_target:
            stack.enter_context(_only_copy(opened))
        logs = PostgresLogs(opened.another(), blobs)
        stack.callback(logs.close)
        yield Place(
            shown=storage.shown,
            store=storage.store,
            logs=logs,
            blobs=blobs,
            living_servers=lambda: living_servers(opened),
        )


@contextmanager
def _only_copy(opened: Database) -> Iterator[None]:
    """Keep other copies away from a database, by a lock that ends with its connection.

    Raises:
        ServerRuns: Another copy is under way.
        InvalidRequest: A pooler is there, which may end the lock with any transaction.
    """
    from cictl_server.postgres.pooler import is_behind_pooler

    with opened.connect() as connection:
        if is_behind_pooler(connection):
            raise InvalidRequest(
                f"{opened.address.shown} is behind a pooler, and a copy has to hold a lock of PostgreSQL",
                hint="name PostgreSQL itself for the copy; servers may use the pooler afterwards",
            )
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (opened.lock_key("copy"),)).fetchone()
        if row != (True,):
            raise ServerRuns(opened.address.shown, "another copy")
        yield


def have_same_files(one: Place, other: Place) -> bool:
    """Tell whether both keep artifacts and reports in the same place."""
    return _where(one.blobs) == _where(other.blobs)


def _where(blobs: Blobs) -> str:
    return os.path.realpath(blobs.place) if isinstance(blobs, DirectoryBlobs) else blobs.place


def _nobody() -> list[str]:
    """A directory is kept from servers by its lock."""
    return []


def checked_ends(source: str, target: str) -> None:
    """Return if one end is a directory, and the other one a database.

    Raises:
        InvalidRequest: They are not.
    """
    if is_url(source) == is_url(target):
        raise InvalidRequest(
            "a copy goes from a data directory to a database, or back",
            hint="`cictl store backup` copies a directory, pg_dump a database",
        )
