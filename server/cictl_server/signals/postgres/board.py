"""A board in a table, with a copy in the memory of each server, from which all is read."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import msgspec
from psycopg import Connection, sql

from cictl.base.typed_json import json_decoder
from cictl_server.errors import StoreAway
from cictl_server.postgres.database import WAIT_SECONDS, Database
from cictl_server.signals.contract import Board

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")


class _Statements(msgspec.Struct, frozen=True, kw_only=True):
    """The statements for one table."""

    find: sql.Composed
    put: sql.Composed
    newer: sql.Composed
    prune: sql.Composed


def _statements(name: str) -> _Statements:
    table = sql.Identifier(name)
    return _Statements(
        find=sql.SQL("SELECT key, state::text FROM {} WHERE board = %s AND key = ANY(%s)").format(table),
        put=sql.SQL(
            "INSERT INTO {} (board, key, version, changed, state)"
            " SELECT %s, key, nextval('state_versions'), clock_timestamp(), state"
            " FROM unnest(%s::text[], %s::json[]) AS new (key, state)"
            " ON CONFLICT (board, key)"
            " DO UPDATE SET version = excluded.version, changed = excluded.changed, state = excluded.state"
            " RETURNING key, version"
        ).format(table),
        newer=sql.SQL(
            "SELECT key, version, state::text FROM {} WHERE board = %s AND version > %s ORDER BY version"
        ).format(table),
        prune=sql.SQL(
            "DELETE FROM {} WHERE board = %s AND state IS NULL AND changed < clock_timestamp() - interval '1 day'"
        ).format(table),
    )


PASSING = _statements("passing_states")
LASTING = _statements("lasting_states")


class _Shared(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A state as the database has it; None for one that was removed."""

    version: int
    state: T | None


Change = Callable[[T | None], T | None]
Changes = dict[str | int, Change[T]]
"""Gathered changes of one key in their order: by the word under which they replace each other, which can wait, or by a number."""


class PostgresBoard(Board[T]):
    """One board.

    Writers of all servers take turns by an advisory lock, so versions ascend in the order of commits, and a server that asks for
    those above the highest that it has seen misses none. Gathered changes wait in memory, are seen in the copy, and are applied once
    more to what the table has when they are written.
    """

    def __init__(
        self, database: Database, *, name: str, type_: type[T], statements: _Statements, tell: Callable[[bool], None]
    ) -> None:
        """Read what is there.

        Args:
            tell: Called after each change: with True if other servers were changed, so that they should look; with False if
                a gathered change should be written soon.

        Raises:
            StoreAway: The database does not answer.
        """
        self._database = database
        self._name = name
        self._decoder = json_decoder(type_)
        self._statements = statements
        self._tell = tell
        self._lock = threading.Lock()
        self._states: dict[str, T] = {}
        self._shared: dict[str, _Shared[T]] = {}
        self._waiting: dict[str, Changes[T]] = {}
        self._serial = itertools.count()
        self._seen_version = 0
        self._talking = threading.Lock()
        self.refresh(is_whole=True)

    def find(self, key: str) -> T | None:
        return self._states.get(key)

    def fetch(self, key: str) -> T | None:
        if (state := self.find(key)) is not None:
            return state
        with self._database.connection() as connection:
            return self._stored(connection, [key]).get(key)

    def states(self) -> Mapping[str, T]:
        with self._lock:
            return dict(self._states)

    def gather(self, key: str, change: Change[T], *, replaces: str = "") -> None:
        with self._lock:
            waiting = self._waiting.setdefault(key, {})
            waiting.pop(replaces, None)
            waiting[replaces or next(self._serial)] = change
            self._show(key, change(self._states.get(key)))
        if not replaces:
            self._tell(False)

    def change(self, key: str, change: Callable[[T | None], tuple[T | None, R]]) -> R:
        with self._turn(), self._taken([key]) as taken:
            with self._writing() as connection:
                old = self._stored(connection, [key]).get(key)
                before = _apply(taken.get(key, {}), old)
                after, result = change(before)
                changed = {key: after} if after != old else {}
                versions = self._put(connection, changed)
            self._note(changed, versions)
        if versions:
            self._tell(True)
        return result

    def remove(self, key: str) -> None:
        self.change(key, lambda _: (None, None))

    def flush(self) -> None:
        """Write what was gathered.

        Raises:
            StoreAway: The database does not answer; what was gathered is kept.
        """
        with self._lock:
            keys = sorted(self._waiting)
        if keys and self._write_gathered(keys):
            self._tell(True)

    def refresh(self, *, is_whole: bool = False) -> None:
        """Read what other servers changed.

        Args:
            is_whole: Read everything, because the database was away: it may have lost states and begun its versions anew.

        Raises:
            StoreAway: The database does not answer.
        """
        with self._turn(), self._database.connection() as connection:
            since = 0 if is_whole else self._seen_version
            rows = connection.execute(self._statements.newer, (self._name, since)).fetchall()
            if is_whole:
                connection.execute(self._statements.prune, (self._name,))
        found = {
            key: _Shared(version=version, state=None if state is None else self._decoder.decode(state))
            for key, version, state in rows
        }
        with self._lock:
            if is_whole:
                gone = self._shared.keys() - found.keys()
                self._shared, self._seen_version = {}, 0
                for key in gone:
                    self._show(key, _apply(self._waiting.get(key, {}), None))
            for key, shared in found.items():
                self._seen_version = max(self._seen_version, shared.version)
                self._share(key, shared)

    def _write_gathered(self, keys: list[str]) -> bool:
        """Write what waits for *keys*; tell whether other servers should look at it at once."""
        with self._turn(), self._taken(keys) as taken:
            with self._writing() as connection:
                stored = self._stored(connection, keys)
                states = {key: _apply(changes, stored.get(key)) for key, changes in taken.items()}
                changed = {key: state for key, state in states.items() if state != stored.get(key)}
                versions = self._put(connection, changed)
            self._note(changed, versions)
        return any(isinstance(word, int) for changes in taken.values() for word in changes)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one thread of this server talk to the database about this board at a time."""
        if not self._talking.acquire(timeout=WAIT_SECONDS):
            raise StoreAway
        try:
            yield
        finally:
            self._talking.release()

    @contextmanager
    def _taken(self, keys: list[str]) -> Iterator[dict[str, Changes[T]]]:
        """Yield the gathered changes of *keys*, which are written in the block; if it raises, they go on waiting."""
        with self._lock:
            taken = {key: self._waiting.pop(key) for key in keys if key in self._waiting}
        try:
            yield taken
        except BaseException:
            with self._lock:
                for key, changes in taken.items():
                    self._waiting[key] = _joined(changes, self._waiting.get(key, {}))
            raise

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._database.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._database.lock_key(f"board {self._name}"),))
            yield connection

    def _stored(self, connection: Connection, keys: list[str]) -> dict[str, T]:
        rows = connection.execute(self._statements.find, (self._name, keys)).fetchall()
        return {key: self._decoder.decode(state) for key, state in rows if state is not None}

    def _put(self, connection: Connection, states: Mapping[str, T | None]) -> dict[str, int]:
        """Store *states* and return their versions."""
        if not states:
            return {}
        texts = [None if state is None else msgspec.json.encode(state).decode() for state in states.values()]
        return dict(connection.execute(self._statements.put, (self._name, list(states), texts)).fetchall())

    def _note(self, states: Mapping[str, T | None], versions: Mapping[str, int]) -> None:
        """Show here what was just committed."""
        with self._lock:
            for key, version in versions.items():
                self._share(key, _Shared(version=version, state=states[key]))

    def _share(self, key: str, shared: _Shared[T]) -> None:
        """Take over what the database has, unless something newer is known; what was gathered since is on top of it."""
        known = self._shared.get(key)
        if known is None or shared.version > known.version:
            self._shared[key] = shared
            self._show(key, _apply(self._waiting.get(key, {}), shared.state))

    def _show(self, key: str, state: T | None) -> None:
        if state is None:
            self._states.pop(key, None)
        else:
            self._states[key] = state


def _apply(changes: Changes[T], state: T | None) -> T | None:
    for change in changes.values():
        state = change(state)
    return state


def _joined(earlier: Changes[T], later: Changes[T]) -> Changes[T]:
    """Return all changes in their order, of those that replace each other the last."""
    return {word: change for word, change in earlier.items() if word not in later} | later
