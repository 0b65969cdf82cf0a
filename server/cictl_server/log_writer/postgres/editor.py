"""A change of one log in the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import Connection

from cictl_server.log_writer.contract import LogEditor, milliseconds
from cictl_server.log_writer.postgres.pieces import READ_BYTES, LogState, found_in, wanted_bytes
from cictl_server.postgres.pipeline import Pipeline

_DECIDE = (
    "UPDATE log_chunks SET undecided = %(undecided)s WHERE log = %(log)s"
    " AND start = (SELECT max(start) FROM log_chunks WHERE log = %(log)s) AND undecided <> %(undecided)s"
)
_CUT = (
    "UPDATE log_chunks SET bytes = substring(bytes FOR (%(at)s::bigint - start)::int) WHERE log = %(log)s"
    " AND start = (SELECT max(start) FROM log_chunks WHERE log = %(log)s) AND start + octet_length(bytes) > %(at)s::bigint"
)


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
        with Pipeline(self._connection) as pipeline:
            answer = pipeline.send(READ_BYTES, wanted, is_binary=True)
        return found_in(answer.rows()).data

    def write(self, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> None:
        with Pipeline(self._connection) as pipeline:
            if at + len(data) > self._stored:
                arrival = (self._name, self._stored, milliseconds(now))
                pipeline.send("SELECT log_note_arrival(%s, %s, %s)", arrival)
            if at < self._stored:
                self._cut(pipeline, at)
            if data:
                pipeline.send("INSERT INTO log_chunks VALUES (%s, %s, %s, %b)", (self._name, at, undecided, data))
            else:
                pipeline.send(_DECIDE, {"log": self._name, "undecided": undecided})
            pipeline.send("COMMIT")
        self._size = at + len(data)

    def _cut(self, pipeline: Pipeline, at: int) -> None:
        pipeline.send("DELETE FROM log_chunks WHERE log = %s AND start >= %s", (self._name, at))
        pipeline.send(_CUT, {"log": self._name, "at": at})


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
