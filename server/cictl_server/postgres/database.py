"""The connections of one server to its database."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from cictl_server.errors import StoreAway
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.errors import (
    DatabaseDenied,
    DatabaseFull,
    DatabaseUnreachable,
    DatabaseUnusable,
)
from cictl_server.postgres.flusher import Flusher
from cictl_server.postgres.migrations import known_version, migrate, require_newest
from cictl_server.postgres.pipeline import Params, Pipeline, PreparingConnection, Row
from cictl_server.postgres.pooler import REFUSES_OPTIONS, is_behind_pooler, options_refused, require_search_path, suit

logger = logging.getLogger(__name__)

T = TypeVar("T")
# They would tell of each attempt to connect and of each connection that is lost in a pipeline; `Database` tells once that the
# database went away, and that it is back.
for _name in ("psycopg", "psycopg.pool"):
    logging.getLogger(_name).setLevel(logging.ERROR)

WAIT_SECONDS = 5.0
"""How long a request waits for a connection, also while the database is away."""

START_SECONDS = 30.0
"""How long a starting server waits for its database; it says so every `_SAY_SECONDS`."""

_SAY_SECONDS = 5.0
_TRY_SECONDS = 0.5
POOL_SIZE = 16
MOST_WAITING = 32
"""So many requests wait for a connection at most, so that an outage does not hold every thread of the server."""

_PARAMETERS = {
    "application_name": "cictl",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    # Of several hosts, and after a fail-over, the one that takes changes.
    "target_session_attrs": "read-write",
}
_LIMITS = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'"
# Every statement of cictl reaches its rows by an index, and joins by keys. So PostgreSQL need not consider anything else, which it
# would while a table is new and small, and would keep on doing after it has grown.
_PLANS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
_BEGIN_LIFE = "INSERT INTO database_life DEFAULT VALUES ON CONFLICT DO NOTHING"
LIFE: LiteralString = "(SELECT id::text FROM database_life)"
"""The id of the database's life, within a statement: another one after each crash."""

FLUSH: LiteralString = "SELECT (SELECT id::text FROM database_life) FROM pg_logical_emit_message(true, 'cictl', '')"
"""Makes all durable that was committed before it, and returns the life of the database.

Its own commit is synchronous, and takes that along; it waits for a synchronous standby too."""

# libpq tells no SQLSTATE when a log-in fails, only the server's words.
_DENIED = re.compile(r"authentication failed|no password supplied|no pg_hba\.conf entry|role \".*\" does not exist")
_MISSING = re.compile(r"database \"(.*)\" does not exist")

_LOST = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What a connection raises when it, or the server behind it, can't go on. The last one: it has become a standby."""


class Database:
    """A pool of connections to one schema. Threads share it.

    Attributes:
        address: Where it is.
        schema: The schema that its connections work in, with which names beyond its tables (locks, channels) begin.
        flusher: Waits for the disk; all pools of a server share it.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        *,
        schema: str,
        wait_seconds: float = WAIT_SECONDS,
        flusher: Flusher | None = None,
    ) -> None:
        """Open the pool; the schema must be up to date, see `open`.

        Args:
            wait_seconds: How long a request waits for a connection.
            flusher: That of another pool of this server.
        """
        self.flusher = flusher or Flusher(self._flush)
        self._wait_seconds = wait_seconds
        self.address = address
        self.schema = schema
        self._is_away = False
        self._lock = threading.Lock()
        self._pool = ConnectionPool(
            connection_class=PreparingConnection,
            kwargs=_connection_arguments(address),
            min_size=1,
            max_size=POOL_SIZE,
            max_waiting=MOST_WAITING,
            timeout=wait_seconds,
            # Its pauses grow up to this, and would go on growing after the database has come back.
            reconnect_timeout=wait_seconds,
            configure=_configure,
            open=True,
            name="cictl",
        )

    @classmethod
    def open(
        cls,
        address: DatabaseAddress,
        *,
        patience_seconds: float = START_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        say: Callable[[str], None] = logger.warning,
    ) -> Self:
        """Wait for the database, bring its schema up to date, and open the pool.

        Args:
            say: Gets a line at once and then every 5 s while nothing answers.

        Raises:
            DatabaseUnreachable, DatabaseDenied, DatabaseUnusable, DatabaseTooNew: As they say.
        """
        with _connect_patiently(address, patience_seconds, say) as connection:
            require_search_path(connection, address)
            migrate(connection, where=address.shown)
            schema = _schema(connection)
        return cls(address, schema=schema, wait_seconds=wait_seconds)

    @classmethod
    def open_as_it_is(cls, address: DatabaseAddress, *, say: Callable[[str], None] = logger.warning) -> Database:
        """Open the pool of a database that a server of this version has used, and change nothing.

        Raises:
            NotFound: No server has used it.
            DatabaseUnreachable, DatabaseDenied, DatabaseUnusable, DatabaseTooNew: As they say.
        """
        with _connect_patiently(address, 0.0, say) as connection:
            require_search_path(connection, address)
            require_newest(connection, where=address.shown)
            schema = _schema(connection)
        return cls(address, schema=schema)

    def another(self) -> Database:
        """Return a second pool for the same schema.

        Who holds a connection of this one, and waits for a connection of that, never waits for those who wait for this one.
        """
        return Database(self.address, schema=self.schema, wait_seconds=self._wait_seconds, flusher=self.flusher)

    @contextmanager
    def connection(self, first: LiteralString | None = "") -> Iterator[Connection]:
        """Lend a connection in autocommit mode; a transaction that the block leaves open is rolled back.

        Args:
            first: Runs before the block. A connection that turns out to be lost is replaced by another one, so that a restart of
                the database costs no request. None leaves that to the block, and spares a round trip.

        Raises:
            StoreAway: No connection came in time, or it was lost in the block.
            DatabaseFull: PostgreSQL has no space for the block's changes.
        """
        with self._telling_errors():
            connection, _ = self._first_result(lambda found: None if first is None else found.execute(first))
            try:
                yield connection
            finally:
                self._give_back(connection)
        self._note(None)

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Return what *question* returns for a connection in autocommit mode; it runs again if the connection is lost.

        Raises:
            StoreAway: As for `connection`.
        """
        with self._telling_errors():
            connection, answer = self._first_result(question)
            self._give_back(connection)
        self._note(None)
        return answer

    def fetch(
        self, statement: LiteralString, parameters: Params = (), *, is_binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own, in one round trip, and return its rows.

        If its connection turns out to be lost it is run again on another one. So it must be a statement that may run twice.

        Args:
            is_binary: Let PostgreSQL send the rows in its binary form, for long bytes: as text each byte takes two digits.

        Raises:
            StoreAway: No connection came in time.
            DatabaseFull: PostgreSQL has no space for its change.
        """

        def ask(connection: Connection) -> list[Row]:
            with Pipeline(connection) as pipeline:
                answer = pipeline.send(statement, parameters, is_binary=is_binary)
            return answer.rows()

        return self.ask(ask)

    def connect(self) -> Connection:
        """Return a connection of its own in autocommit mode, for what a pool can't lend, as LISTEN. Its holder closes it.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._telling_errors():
            return _connect(self.address)

    def check(self) -> None:
        """Return if the last request for a connection got one.

        Raises:
            StoreAway: It did not.
        """
        if self._is_away:
            raise StoreAway

    def figures(self) -> dict[str, int]:
        """Return how the pool is: `open` connections, of which `idle` are free; `waiting` requests; and since the start how
        many were lost.
        """
        stats = self._pool.get_stats()
        return {
            "open": stats.get("pool_size", 0),
            "idle": stats.get("pool_available", 0),
            "waiting": stats.get("requests_waiting", 0),
            "lost": stats.get("connections_lost", 0) + stats.get("connections_errors", 0),
        }

    def lock_key(self, name: str) -> int:
        """Return the number of the advisory lock *name* of this schema."""
        digest = hashlib.sha256(f"cictl {self.schema} {name}".encode()).digest()
        return int.from_bytes(digest[:8], signed=True)

    def close(self) -> None:
        """Close every connection. Twice is fine."""
        self._pool.close()

    def _flush(self) -> str:
        [(life,)] = self.fetch(FLUSH)
        return str(life)

    def _first_result(self, action: Callable[[Connection], T]) -> tuple[PreparingConnection, T]:
        """Do something on a sound connection: on another one if the first is lost. Return the connection, and what came out."""
        deadline = time.monotonic() + self._wait_seconds
        while True:
            connection = self._pool.getconn(timeout=max(0.01, deadline - time.monotonic()))
            try:
                result = action(connection)
            except _LOST:
                self._give_back(connection)
                if time.monotonic() >= deadline:
                    raise
            except BaseException:
                self._give_back(connection)
                raise
            else:
                return connection, result

    def _give_back(self, connection: PreparingConnection) -> None:
        try:
            if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                connection.rollback()
        except psycopg.Error:
            connection.close()
        self._pool.putconn(connection)

    @contextmanager
    def _telling_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.DiskFull as error:
            raise DatabaseFull(self.address.shown) from error
        except TooManyRequests as error:  # too much at once; whether the database is away, those that wait find out
            raise StoreAway from error
        except (*_LOST, PoolTimeout) as error:
            self._note(error)
            raise StoreAway from error

    def _note(self, error: BaseException | None) -> None:
        """Log when the database goes away, and when it is back."""
        if self._is_away is (error is not None):
            return
        with self._lock:
            was_away, self._is_away = self._is_away, error is not None
        if error is not None and not was_away:
            logger.warning("database away address=%s: %s", self.address.shown, first_line(error))
        elif error is None and was_away:
            logger.info("database back address=%s", self.address.shown)


def _schema(connection: Connection) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    assert row is not None
    return str(row[0])


def look_at_schema(address: DatabaseAddress) -> None:
    """Return if this cictl can work with the schema there, perhaps after it has migrated it. Nothing is changed, and nobody waits.

    Raises:
        DatabaseUnreachable, DatabaseDenied, DatabaseUnusable, DatabaseTooNew: As they say.
    """
    with _connect_patiently(address, 0.0, logger.warning) as connection:
        require_search_path(connection, address)
        known_version(connection, where=address.shown)


def first_line(error: BaseException) -> str:
    """Return what *error* says, on one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _connection_arguments(address: DatabaseAddress) -> dict[str, Any]:
    return {**_PARAMETERS, **address.parameters, "autocommit": True}


class _JsonBytes(Loader):
    """Leaves JSON as it is stored: who reads a document knows its type."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def _configure(connection: PreparingConnection) -> None:
    connection.execute(_LIMITS)
    connection.execute(_PLANS)
    connection.execute(_BEGIN_LIFE)
    connection.prepare_threshold = None  # psycopg would forget all that is prepared, also by others, after a rollback
    connection.can_prepare = not is_behind_pooler(connection)
    connection.adapters.register_loader("json", _JsonBytes)


def _connect_patiently(address: DatabaseAddress, seconds: float, say: Callable[[str], None]) -> Connection:
    deadline = time.monotonic() + seconds
    next_line = 0.0
    while True:
        try:
            return _connect(address)
        except psycopg.OperationalError as error:
            text = first_line(error)
            _refuse_if_lasting(address, text)
            if time.monotonic() + _TRY_SECONDS > deadline:
                raise DatabaseUnreachable(address.shown, text) from error
            if time.monotonic() >= next_line:
                say(f"waiting for {address.shown}: {text}")
                next_line = time.monotonic() + _SAY_SECONDS
            time.sleep(_TRY_SECONDS)


def _connect(address: DatabaseAddress) -> Connection:
    connection = psycopg.connect(**_connection_arguments(address))
    try:
        suit(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_if_lasting(address: DatabaseAddress, text: str) -> None:
    if _DENIED.search(text):
        raise DatabaseDenied(address.shown, text)
    if REFUSES_OPTIONS in text:
        raise options_refused(address.shown)
    if missing := _MISSING.search(text):
        raise DatabaseUnusable(
            address.shown, f"there is no database {missing[1]}", hint=f"make it with `createdb {missing[1]}`"
        )
