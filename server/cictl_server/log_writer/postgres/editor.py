"""A change of one log in the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import Connection

from cictl_server.log_writer.contract import LogEditor, milliseconds
from cictl_server.log_writer.postgres.pieces import READ_BYTES, LogState, found_in, wanted_bytes


class PieceEditor(LogEditor):
    """A log whose last piece is known, in an open transaction that holds its lock."""

    def __init__(self, connection: Connection[Any], name: str, state: LogState) -> None:
        self._connection = connection
        self._name = name
        self._stored = state.size
        self._size = state.size

    @property
    def size(self) -> int:
        return self._size

    def read_from(self, offset: int) -> bytes:
        wanted = wanted_bytes(self._name, offset=offset, limit=self._stored - offset)
        return found_in(self._connection.execute(READ_BYTES, wanted, binary=True).fetchall()).data

    def write(self, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> None:
        with self._connection.pipeline():
            if at + len(data) > self._stored:
                arrival = (self._name, self._stored, milliseconds(now))
                self._connection.execute("SELECT log_note_arrival(%s, %s, %s)", arrival)
            if at < self._stored:
                self._cut(at)
            if data:
                self._connection.execute(
                    "INSERT INTO log_chunks VALUES (%s, %s, %s, %b)", (self._name, at, undecided, data)
                )
            else:
                self._connection.execute(
                    "UPDATE log_chunks SET undecided = %(undecided)s WHERE log = %(log)s"
                    " AND start = (SELECT max(start) FROM log_chunks WHERE log = %(log)s) AND undecided <> %(undecided)s",
                    {"log": self._name, "undecided": undecided},
                )
            self._connection.execute("COMMIT")
        self._size = at + len(data)

    def _cut(self, at: int) -> None:
        self._connection.execute("DELETE FROM log_chunks WHERE log = %s AND start >= %s", (self._name, at))
        self._connection.execute(
            "UPDATE log_chunks SET bytes = substring(bytes FOR (%(at)s - start)::int) WHERE log = %(log)s"
            " AND start = (SELECT max(start) FROM log_chunks WHERE log = %(log)s) AND start + octet_length(bytes) > %(at)s",
            {"log": self._name, "at": at},
        )


class FinishedEditor(LogEditor):
    """A finished log: whatever is written comes too late and is dropped."""

    def __init__(self, size: int, read: Callable[[int], bytes]) -> None:
        self._size = size
        self._read = read

    @property
    def size(self) -> int:
        return self._size

    def read_from(self, offset: int) -> bytes:
        return self._read(offset)

    def write(self, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> None:
        pass
