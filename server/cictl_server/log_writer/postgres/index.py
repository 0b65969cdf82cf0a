"""Times and steps of logs in the database: rows while a log grows, one document once it is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from cictl.base.typed_json import read_json_as
from cictl.wire.jobs import LoggedStep
from cictl_server.log_writer.contract import (
    GRANULARITY,
    MOST_STEPS,
    NAME_CHARACTERS,
    Arrival,
    Arrivals,
    LogIndex,
    Notes,
    instant_of,
    milliseconds,
)
from cictl_server.log_writer.line_marks import LineMark
from cictl_server.log_writer.postgres.pieces import BEGIN_QUICKLY
from cictl_server.postgres.database import Database
from cictl_server.postgres.pipeline import Pipeline

_NOTE_STEP: LiteralString = """
INSERT INTO log_steps
SELECT %(log)s, %(number)s, %(total)s, %(name)s, %(ms)s, %(start)s
 WHERE (SELECT count(*) FROM log_steps WHERE log = %(log)s) < %(most)s
ON CONFLICT DO NOTHING
"""

_ARRIVALS: LiteralString = "SELECT start, ms FROM log_arrivals WHERE log = %s AND start > %s ORDER BY start"
_STEPS: LiteralString = "SELECT number, total, name, ms, start FROM log_steps WHERE log = %s ORDER BY number"
_NOTES: LiteralString = "SELECT notes FROM finished_logs WHERE log = %s"


class PostgresLogIndex(LogIndex):
    def __init__(self, database: Database) -> None:
        self._database = database

    def exists(self, name: str) -> bool:
        return bool(self._arrivals(name) or self._steps(name))

    def notes(self, name: str) -> Notes:
        return Notes(arrivals=self._arrivals(name), steps=self._steps(name))

    def note_steps(self, name: str, steps: Iterable[LoggedStep]) -> None:
        rows = [
            {
                "log": name,
                "number": step.index,
                "total": step.total,
                "name": step.name[:NAME_CHARACTERS],
                "ms": milliseconds(step.started_utc),
                "start": step.log_offset,
                "most": MOST_STEPS,
            }
            for step in steps
            if step.index > 0
        ]
        if rows:
            with self._database.connection(BEGIN_QUICKLY) as connection, Pipeline(connection) as pipeline:
                for row in rows:
                    pipeline.send(_NOTE_STEP, row)
                pipeline.send("COMMIT")

    def steps(self, name: str) -> list[LoggedStep]:
        return [
            LoggedStep(index=number, total=total, name=text, started_utc=instant_of(ms), log_offset=start)
            for number, total, text, ms, start in self._steps(name)
        ]

    def line_marks(self, name: str) -> list[LineMark]:
        return self._finished(name).lines

    def note_line_marks(self, name: str, marks: Sequence[LineMark], *, known: int) -> None:
        """Keep nothing while the log grows: `PostgresLogs.finish` makes the marks, and until then each server has its own."""

    def offset_since(self, name: str, instant: datetime) -> int | None:
        earliest = milliseconds(instant - GRANULARITY)
        return next((start for start, ms in self._arrivals(name) if ms > earliest), None)

    def arrivals(self, name: str) -> Arrivals:
        return _PostgresArrivals(name, self._database)

    def _arrivals(self, name: str) -> list[tuple[int, int]]:
        return self._database.fetch(_ARRIVALS, (name, -1)) or self._finished(name).arrivals

    def _steps(self, name: str) -> list[tuple[int, int, str, int, int]]:
        return self._database.fetch(_STEPS, (name,)) or self._finished(name).steps

    def _finished(self, name: str) -> Notes:
        return _notes_in(self._database.fetch(_NOTES, (name,)))


class _PostgresArrivals(Arrivals):
    def __init__(self, name: str, database: Database) -> None:
        super().__init__(name)
        self._database = database
        self._last = -1

    def _further(self) -> list[Arrival]:
        rows = self._database.fetch(_ARRIVALS, (self.name, self._last))
        if not rows:
            notes = _notes_in(self._database.fetch(_NOTES, (self.name,)))
            rows = [row for row in notes.arrivals if row[0] > self._last]
        if rows:
            self._last = rows[-1][0]
        return [Arrival(start, ms) for start, ms in rows]


def ask_for_notes(pipeline: Pipeline, name: str) -> Callable[[], Notes]:
    """Ask what is noted about a log that is not finished; call the result for the answer."""
    arrivals, steps = pipeline.send(_ARRIVALS, (name, -1)), pipeline.send(_STEPS, (name,))
    return lambda: Notes(arrivals=arrivals.rows(), steps=steps.rows())


def insert_notes(connection: Connection[Any], name: str, notes: Notes) -> None:
    """Insert the rows of a log that has none."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO log_arrivals VALUES (%s, %s, %s)", [(name, *note) for note in notes.arrivals])
        cursor.executemany(
            "INSERT INTO log_steps VALUES (%s, %s, %s, %s, %s, %s)", [(name, *note) for note in notes.steps]
        )


def encode_notes(notes: Notes) -> bytes:
    """Return the document that a finished log has."""
    return msgspec.json.encode(notes)


def delete_notes(connection: Connection[Any], name: str) -> None:
    """Remove the rows of a log that is finished or removed."""
    connection.execute("DELETE FROM log_arrivals WHERE log = %s", (name,))
    connection.execute("DELETE FROM log_steps WHERE log = %s", (name,))


def _notes_in(rows: Sequence[tuple[Any, ...]]) -> Notes:
    """Return what the rows of `_NOTES` tell: there is one, if the log is finished."""
    return read_json_as(rows[0][0], Notes) if rows else Notes()
