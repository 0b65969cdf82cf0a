"""The events of all servers in a table, and the latest ones in the memory of each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import LiteralString

from psycopg import Connection

from cictl.wire.events import EventKind
from cictl_server.errors import StoreError
from cictl_server.postgres.database import Database
from cictl_server.postgres.pipeline import Pipeline
from cictl_server.signals.contract import Feed, Happening
from cictl_server.signals.recent import KEPT, RecentEvents

_STORED = 2 * KEPT
"""How many events stay in the table: more than a server keeps, so that one which starts knows as many as the others."""

_FORGOTTEN = "SELECT number FROM events_forgotten"
# Numbers are nanoseconds of the clock, and so above all that were lost in a crash.
_BEGIN = (
    "INSERT INTO events_forgotten (number) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000)"
    " ON CONFLICT DO NOTHING"
)
_APPEND = (
    "WITH last AS (SELECT greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000,"
    " (SELECT max(number) FROM events)) AS number)"
    " INSERT INTO events (number, kind, subject) SELECT last.number + place, kind, subject"
    " FROM last, unnest(%s::text[], %s::text[]) WITH ORDINALITY AS new (kind, subject, place)"
)
_NEWER = "SELECT number, kind, subject FROM events WHERE number > %s ORDER BY number"
_LATEST = "SELECT number, kind, subject FROM events ORDER BY number DESC LIMIT %s"
_PRUNE = (
    "WITH gone AS (DELETE FROM events WHERE number <="
    " (SELECT number FROM events ORDER BY number DESC OFFSET %s LIMIT 1) RETURNING number)"
    " UPDATE events_forgotten SET number = (SELECT max(number) FROM gone) WHERE EXISTS (SELECT FROM gone)"
)


class PostgresFeed(Feed):
    """Events get their numbers in the table, one server after the other, so that everybody reads them in the same order.

    An event is lost if its server dies in the moment between the commit of what changed and this. A crash of the database
    loses those that not every server has read; every follower is told `reset` then.
    """

    def __init__(self, database: Database, send: Callable[[], None]) -> None:
        """Know the latest events.

        Args:
            send: Called when there is something to `write`, which is done by another thread.
        """
        self._database = database
        self._send = send
        self._lock = threading.Lock()
        self._waiting: list[tuple[EventKind, str]] = []
        self._reading = threading.Lock()
        with database.connection() as connection:
            forgotten = _forgotten(connection)
            latest = [_happening(*row) for row in reversed(connection.execute(_LATEST, (KEPT,)).fetchall())]
        if len(latest) == KEPT:
            forgotten = max(forgotten, latest[0].number - 1)
        self._recent = RecentEvents(forgotten=forgotten)
        self._recent.append(event for event in latest if event.number > forgotten)

    def add(self, kind: EventKind, subject: str) -> None:
        with self._lock:
            self._waiting.append((kind, subject))
        self._send()

    def last_number(self) -> int:
        return self._recent.last_number()

    def after(self, number: int) -> list[Happening] | None:
        if number > self._recent.last_number():
            try:
                self.read()  # the follower comes from a server that has heard of more
            except StoreError:
                return None
        return self._recent.after(number)

    def write(self) -> bool:
        """Store the events that were added here; tell whether there were any.

        Raises:
            StoreAway: The database does not answer; they are kept for the next time.
        """
        with self._lock:
            taken, self._waiting = self._waiting, []
        if not taken:
            return False
        try:
            self._change(_APPEND, [kind.value for kind, _ in taken], [subject for _, subject in taken])
        except BaseException:
            with self._lock:
                self._waiting[:0] = taken
            raise
        return True

    def read(self) -> bool:
        """Learn what any server has stored since; tell whether there was anything.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._reading:
            last = self._recent.last_number()
            forgotten, rows = self._database.ask(lambda connection: _look(connection, after=last))
            if forgotten > last:
                self._recent.begin_anew(forgotten=forgotten)
            self._recent.append(_happening(*row) for row in rows if row[0] > forgotten)
            return bool(rows) or forgotten > last

    def prune(self) -> None:
        """Forget the oldest events; one server has to do so now and then.

        Raises:
            StoreAway: The database does not answer.
        """
        self._change(_PRUNE, _STORED)

    def _change(self, statement: LiteralString, *values: object) -> None:
        """Change the table while no other server does."""
        with self._database.connection("BEGIN") as connection, Pipeline(connection) as pipeline:
            pipeline.send("SELECT pg_advisory_xact_lock(%s)", (self._database.lock_key("events"),))
            pipeline.send(statement, values)
            pipeline.send("COMMIT")


def _look(connection: Connection, *, after: int) -> tuple[int, list[tuple[int, str, str]]]:
    """Return up to which number events are forgotten, and the events above *after*, in one round trip.

    First what is forgotten: events that are forgotten after that are still among those that are read.
    """
    with Pipeline(connection) as pipeline:
        forgotten, newer = pipeline.send(_FORGOTTEN), pipeline.send(_NEWER, (after,))
    numbers = forgotten.rows()
    if not numbers:  # a crash of the database has just emptied both tables
        return _forgotten(connection), []
    return int(numbers[0][0]), newer.rows()


def _forgotten(connection: Connection) -> int:
    """Return the number up to which events are forgotten; after a crash of the database that is everything up to now."""
    row = connection.execute(_FORGOTTEN).fetchone()
    while row is None:
        connection.execute(_BEGIN)
        row = connection.execute(_FORGOTTEN).fetchone()
    return int(row[0])


def _happening(number: int, kind: str, subject: str) -> Happening:
    return Happening(number, EventKind(kind), subject)
