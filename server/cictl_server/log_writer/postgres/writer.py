"""The logs of all servers that share a database."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from cictl_server.blobs.contract import BlobMissing, Blobs, Readable, blocks
from cictl_server.log_writer.blob_keys import key_of_log
from cictl_server.log_writer.content import FirstBytes, stream
from cictl_server.log_writer.contract import LogEditor, LogWriter, Notes, WholeLog, milliseconds
from cictl_server.log_writer.line_marks import LineMarker, MarkedContent
from cictl_server.log_writer.postgres.editor import FinishedEditor, PieceEditor
from cictl_server.log_writer.postgres.index import (
    PostgresLogIndex,
    ask_for_notes,
    delete_notes,
    encode_notes,
    insert_notes,
)
from cictl_server.log_writer.postgres.pieces import (
    BEGIN_QUICKLY,
    READ_BYTES,
    READ_STATE,
    READ_UNFINISHED,
    LogState,
    found_in,
    state_of,
    wanted_bytes,
)
from cictl_server.postgres.database import Database
from cictl_server.postgres.pipeline import Pipeline

_SMALL = 256 << 10
"""Bytes of a log that is read at once to be finished; a longer one is streamed."""

_FINISHED: LiteralString = "SELECT log, size, blob FROM finished_logs WHERE log > %s ORDER BY log LIMIT 1000"


class FinishedLog(msgspec.Struct, frozen=True):
    """What the database knows of a finished log; `blob` is the key of its bytes, None if there are none."""

    name: str
    size: int
    blob: str | None


class PostgresLogs(LogWriter):
    """Logs as pieces in a database while they grow, and as blobs once they are finished.

    Changes of one log take turns by an advisory lock. So two servers may get parts of one log: the offset decides.
    """

    def __init__(self, database: Database, blobs: Blobs) -> None:
        """Keep logs in *database*.

        Args:
            database: For logs alone, and closed with them. A request may look at a log while it holds a transaction of the store. It would wait in
                vain for a second connection of one pool, where all others wait for that transaction.
            blobs: Where finished logs go.
        """
        self._database = database
        self._blobs = blobs
        self._index = PostgresLogIndex(database)

    @property
    def index(self) -> PostgresLogIndex:
        return self._index

    def size(self, name: str) -> int:
        return self._state(name).size

    def shown_size(self, name: str) -> int:
        return self._state(name).shown

    def read(self, name: str, *, offset: int, limit: int) -> bytes:
        wanted = wanted_bytes(name, offset=offset, limit=limit)
        found = found_in(self._database.fetch(READ_BYTES, wanted, is_binary=True))
        if found.blob is None or offset >= found.finished_size:
            return found.data
        return self._read_blob(found.blob, start=offset, length=min(limit, found.finished_size - offset))

    def append(self, name: str, data: bytes, *, at: int, now: datetime, undecided: int = 0) -> bool:
        """Append by one call in the database. If that ran although its connection was lost, the second run says that it could not,
        and the agent's bytes are compared with what is there.
        """
        parameters = (self._lock_key(name), name, at, undecided, data, milliseconds(now))
        [(is_done,)] = self._database.fetch("SELECT log_append(%s, %s, %s, %s, %b, %s)", parameters)
        return bool(is_done)

    @contextmanager
    def edit(self, name: str) -> Iterator[LogEditor]:
        with self._database.connection(BEGIN_QUICKLY) as connection:
            state = self._lock(connection, name)
            if not state.is_finished:
                yield PieceEditor(connection, name, state)
                return
        yield FinishedEditor(state.size, lambda offset: self.read(name, offset=offset, limit=state.size))

    def seal(self, name: str) -> int:
        """Look at the log. What the look sees was committed before, so each flush takes it along that makes a later commit durable."""
        return self._state(name).size

    def finish(self, name: str, *, size: int, project: str) -> None:
        """Bring the log into a blob, and then, in one transaction, take it for the pieces.

        Until then readers get the pieces, which nobody changes any more below *size*. Two servers that do so at once put the
        same bytes under the same key.
        """
        log = self._database.ask(lambda connection: _look_at_whole(connection, name))
        if log.state.is_finished:
            return
        size = min(size, log.state.size)
        key = key_of_log(self._blobs, name, project=project) if size else None
        marker = LineMarker()
        if key:
            self._blobs.put(key, MarkedContent(self._content(name, size, beginning=log.beginning), marker))
        notes = msgspec.structs.replace(log.notes, lines=marker.marks)
        parameters = (self._lock_key(name), name, size, key, encode_notes(notes))
        [(is_finished,)] = self._database.fetch("SELECT log_finish(%s, %s, %s, %s, %s)", parameters)
        if key and not is_finished:
            self._blobs.delete([key])

    def receive(self, log: WholeLog, content: Readable) -> None:
        """Keep a finished log as a blob at once. One that is there already stays: both ends may share their files."""
        has_blob = log.is_finished and log.size > 0
        key = key_of_log(self._blobs, log.name, project=log.project) if has_blob else None
        if key:
            blob = self._blobs.find(key)
            if blob is None or blob.size < log.size:
                self._blobs.put(key, FirstBytes(content, log.size))
        with self._database.connection("BEGIN") as connection:
            self._lock(connection, log.name)
            connection.execute("DELETE FROM finished_logs WHERE log = %s", (log.name,))
            _delete_pieces(connection, log.name)
            if log.is_finished:
                _insert_finished(connection, log.name, log.size, key, log.notes)
            else:
                _insert_pieces(connection, log, content)
                insert_notes(connection, log.name, log.notes)
            connection.execute("COMMIT")

    def unfinished(self) -> Iterator[str]:
        return (name for (name,) in self._database.fetch(READ_UNFINISHED))

    def names(self) -> Iterator[str]:
        yield from self.unfinished()
        yield from (log.name for log in self.finished())

    def finished(self) -> Iterator[FinishedLog]:
        """Yield the finished logs, by name."""
        last = ""
        while rows := self._database.fetch(_FINISHED, (last,)):
            yield from (FinishedLog(*row) for row in rows)
            last = rows[-1][0]

    def delete(self, name: str) -> None:
        """Remove the blob first: if the rest is not done, the log is still among `names`, and removed again."""
        rows = self._database.fetch("SELECT blob FROM finished_logs WHERE log = %s", (name,))
        self._delete_blobs(rows)
        with self._database.connection("BEGIN") as connection:
            self._lock(connection, name)
            late = connection.execute("DELETE FROM finished_logs WHERE log = %s RETURNING blob", (name,)).fetchall()
            _delete_pieces(connection, name)
            connection.execute("COMMIT")
        if late != rows:  # it was being finished meanwhile
            self._delete_blobs(late)

    def close(self) -> None:
        self._database.close()

    def _state(self, name: str) -> LogState:
        [row] = self._database.fetch(READ_STATE, {"log": name})
        return state_of(row)

    def _lock(self, connection: Connection[Any], name: str) -> LogState:
        """Take the log for this transaction, and return how it is then: the second statement sees what the first waited for."""
        with Pipeline(connection) as pipeline:
            pipeline.send("SELECT pg_advisory_xact_lock(%s)", (self._lock_key(name),))
            answer = pipeline.send(READ_STATE, {"log": name})
        return state_of(answer.rows()[0])

    def _content(self, name: str, size: int, *, beginning: bytes) -> Readable:
        """Return the first *size* bytes of a log whose *beginning* is known, perhaps all of it."""
        if len(beginning) >= size:
            return io.BytesIO(beginning[:size])
        return stream(lambda offset, limit: self.read(name, offset=offset, limit=limit), size)

    def _delete_blobs(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._blobs.delete([key for (key,) in rows if key])

    def _lock_key(self, name: str) -> int:
        return self._database.lock_key(f"log {name}")

    def _read_blob(self, key: str, *, start: int, length: int) -> bytes:
        try:
            with self._blobs.open(key, start=start, length=length) as reader:
                return b"".join(iter(lambda: reader.read(length), b""))
        except BlobMissing:  # it is just being removed
            return b""


class _WholeLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log that may be finished: as much of its `beginning` as can be read at once, and what is noted about it."""

    state: LogState
    beginning: bytes
    notes: Notes


def _look_at_whole(connection: Connection[Any], name: str) -> _WholeLog:
    with Pipeline(connection) as pipeline:
        state = pipeline.send(READ_STATE, {"log": name})
        data = pipeline.send(READ_BYTES, wanted_bytes(name, offset=0, limit=_SMALL), is_binary=True)
        notes = ask_for_notes(pipeline, name)
    return _WholeLog(state=state_of(state.rows()[0]), beginning=found_in(data.rows()).data, notes=notes())


def _insert_finished(connection: Connection[Any], name: str, size: int, key: str | None, notes: Notes) -> None:
    row = (name, size, key, encode_notes(notes))
    connection.execute("INSERT INTO finished_logs VALUES (%s, %s, %s, %s)", row)


def _insert_pieces(connection: Connection[Any], log: WholeLog, content: Readable) -> None:
    """Insert the bytes of a log that has none. Each piece says how many bytes before its end are undecided."""
    shown, start = log.size - log.undecided, 0
    for data in blocks(FirstBytes(content, log.size)):
        undecided = max(0, start + len(data) - shown)
        row = (log.name, start, undecided, data)
        connection.execute("INSERT INTO log_chunks VALUES (%s, %s, %s, %b)", row)
        start += len(data)


def _delete_pieces(connection: Connection[Any], name: str) -> None:
    connection.execute("DELETE FROM log_chunks WHERE log = %s", (name,))
    delete_notes(connection, name)
