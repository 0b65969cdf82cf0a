"""A place for logs that can be opened again, as another server would; one for each implementation of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs
from cictl_server.log_writer.postgres.writer import PostgresLogs
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_testing.servers.postgres import Postgres


@dataclass(frozen=True)
class LogPlace:
    """Where logs are kept.

    Attributes:
        open: Makes the logs of a server that begins when the others are idle.
        is_shared: Several servers may write at once.
    """

    open: Callable[[], LogWriter]
    is_shared: bool

    def at_once(self, count: int) -> list[LogWriter]:
        """Return the logs of *count* threads that write at once: of a server each, where several may share the place."""
        one = self.open()
        return [self.open() if self.is_shared else one for _ in range(count)]


@contextmanager
def _files(directory: Path, _: Callable[[], Postgres]) -> Iterator[LogPlace]:
    yield LogPlace(open=lambda: FileLogs(directory / "logs"), is_shared=False)


@contextmanager
def _postgres(directory: Path, server: Callable[[], Postgres]) -> Iterator[LogPlace]:
    with server().schema() as url:
        database = Database.open(DatabaseAddress.parse(url))
        yield LogPlace(open=lambda: PostgresLogs(database, DirectoryBlobs(directory)), is_shared=True)
        database.close()


LOG_PLACES: Mapping[str, Callable[[Path, Callable[[], Postgres]], AbstractContextManager[LogPlace]]] = {
    "files": _files,
    "postgresql": _postgres,
}
"""Each opens a place in a directory, and asks for the server of PostgreSQL only if it needs it."""
