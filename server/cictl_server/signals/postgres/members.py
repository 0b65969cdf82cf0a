"""The servers in a table, each of which gives signs of life, and the one that leads."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec
from psycopg import Connection

from cictl_server.postgres.database import Database
from cictl_server.signals.contract import BACKGROUND, Leadership, Member, Members
from cictl_server.signals.identity import Identity

LIFETIME_SECONDS = 15.0
"""A server that gave no sign of life for so long is dead, and leads no more."""

_LISTED = timedelta(minutes=1)
_RENEW = "UPDATE servers SET seen = clock_timestamp() WHERE instance_id = %s RETURNING number"
_ENTER = (
    "INSERT INTO servers (instance_id, number, name, version, started, seen)"
    " SELECT %s, free, %s, %s, %s, clock_timestamp() FROM generate_series(0, 999) AS free"
    " WHERE NOT EXISTS (SELECT FROM servers WHERE number = free) ORDER BY free <> %s, free LIMIT 1 RETURNING number"
)
_LIST = (
    "SELECT instance_id, name, version, started, seen,"
    " extract(epoch FROM clock_timestamp() - seen)::float8,"
    " EXISTS (SELECT FROM leader WHERE leader.instance_id = servers.instance_id AND until > clock_timestamp())"
    " FROM servers WHERE seen > clock_timestamp() - %s ORDER BY started, instance_id"
)
_IS_ALIVE: LiteralString = (
    "SELECT FROM servers WHERE instance_id = %s AND seen > clock_timestamp() - make_interval(secs => %s)"
)
_NAMES = "SELECT name FROM servers WHERE seen > clock_timestamp() - make_interval(secs => %s) ORDER BY name"
_PRUNE = "DELETE FROM servers WHERE seen < clock_timestamp() - interval '1 hour'"
_LEAVE = "DELETE FROM servers WHERE instance_id = %s"
_LEAD = (
    "INSERT INTO leader (instance_id, until) VALUES (%s, clock_timestamp() + make_interval(secs => %s))"
    " ON CONFLICT (is_only) DO UPDATE SET instance_id = excluded.instance_id, until = excluded.until"
    " WHERE leader.instance_id = excluded.instance_id OR leader.until < clock_timestamp() RETURNING instance_id"
)
_RESIGN = "DELETE FROM leader WHERE instance_id = %s"


def living_servers(database: Database) -> list[str]:
    """Return the names of the servers that gave a sign of life within `LIFETIME_SECONDS`, for whoever is none of them."""
    return [name for (name,) in database.fetch(_NAMES, (LIFETIME_SECONDS,))]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and the time of `time.monotonic` up to which its last sign of life counts."""

    member: Member
    alive_until: float


class PostgresMembers(Members):
    """Reads answer from what the last `renew` has found, and ask for a server that it has not found: it may have come since."""

    def __init__(self, database: Database, identity: Identity) -> None:
        """Enter this server.

        Raises:
            StoreAway: The database does not answer.
        """
        self._database = database
        self._identity = identity
        self._number = 0
        self._known: dict[str, _Known] = {}
        with database.connection() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            self._started: datetime = row[0]
            connection.execute(_PRUNE)
            self.renew(connection)

    @property
    def own(self) -> Member:
        known = self._known.get(self._identity.instance_id)
        return known.member if known else self._identity.member(started=self._started, seen=self._started, leads=())

    @property
    def number(self) -> int:
        return self._number

    def all(self) -> list[Member]:
        return [known.member for known in self._known.values()]

    def is_alive(self, instance_id: str) -> bool:
        known = self._known.get(instance_id)
        if known is None:
            return bool(self._database.fetch(_IS_ALIVE, (instance_id, LIFETIME_SECONDS)))
        return time.monotonic() < known.alive_until

    def alive(self) -> int:
        """Return how many servers are alive."""
        return sum(self.is_alive(instance_id) for instance_id in self._known)

    def renew(self, connection: Connection) -> bool:
        """Give a sign of life, look at the others, and tell whether this server was known.

        If it was not, the database has crashed, or has become another one. Then it has lost all that may be lost.
        """
        row = connection.execute(_RENEW, (self._identity.instance_id,)).fetchone()
        self._number = self._enter(connection) if row is None else row[0]
        self._look(connection)
        return row is not None

    def _look(self, connection: Connection) -> None:
        now = time.monotonic()
        self._known = {
            row[0]: _Known(member=_member(*row[:5], leads=row[6]), alive_until=now + LIFETIME_SECONDS - row[5])
            for row in connection.execute(_LIST, (_LISTED,)).fetchall()
        }

    def leave(self, connection: Connection) -> None:
        connection.execute(_LEAVE, (self._identity.instance_id,))

    def _enter(self, connection: Connection) -> int:
        """Take a number that is free, the one that this server had if it is."""
        identity = self._identity
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._database.lock_key("servers"),))
            entry = (identity.instance_id, identity.name, identity.version, self._started, self._number)
            row = connection.execute(_ENTER, entry).fetchone()
            assert row is not None, "there are a thousand servers"
            return int(row[0])


class PostgresLeadership(Leadership):
    """Time to live `LIFETIME_SECONDS`. It counts from before the renewal was asked for, so it never ends later here than there."""

    def __init__(self, identity: Identity) -> None:
        self._instance_id = identity.instance_id
        self._until = 0.0

    @property
    def is_ours(self) -> bool:
        return time.monotonic() < self._until

    def renew(self, connection: Connection) -> None:
        """Lead, or go on leading, unless another server does."""
        asked = time.monotonic()
        row = connection.execute(_LEAD, (self._instance_id, LIFETIME_SECONDS)).fetchone()
        self._until = asked + LIFETIME_SECONDS if row else 0.0

    def resign(self, connection: Connection) -> None:
        """Let another one lead at once."""
        self._until = 0.0
        connection.execute(_RESIGN, (self._instance_id,))


def _member(instance_id: str, name: str, version: str, started: datetime, seen: datetime, *, leads: bool) -> Member:
    return Member(
        instance_id=instance_id,
        name=name,
        version=version,
        started=started,
        seen=seen,
        leads=(BACKGROUND,) if leads else (),
    )
