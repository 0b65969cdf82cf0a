"""The schema of the database: numbered SQL files, which run forward only.

`migrations/0001_store.sql` makes version 1, and so on without gaps. The table `cictl_schema` has one row with the version. A
server of the version before goes on working beside a new one, so a migration adds what the next version of the code needs, and
only a later one takes away what nothing uses any more.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.resources import files

import msgspec
import psycopg
from psycopg import Connection

from cictl_server.errors import NotFound
from cictl_server.postgres.errors import DatabaseTooNew, DatabaseUnusable

logger = logging.getLogger(__name__)

LEAST_POSTGRES = 15
_LOCK = "cictl migration "
"""With the name of the schema, the name of the lock that a migration holds."""
_NO_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step; `version` is that of the schema after it."""

    version: int
    statements: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all steps that this cictl knows, in their order."""
    folder = files("cictl_server.postgres") / "migrations"
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return tuple(Migration(version=int(name[:4]), statements=texts[name]) for name in sorted(texts))


def newest_version() -> int:
    return migrations()[-1].version


def migrate(connection: Connection, *, where: str) -> None:
    """Bring the schema that *connection* works in up to date; wait while another server does so.

    Args:
        connection: In autocommit mode.
        where: The address, for errors.

    Raises:
        DatabaseUnusable: There is no schema to work in, or PostgreSQL is too old or does not store UTF-8.
        DatabaseTooNew: A newer cictl has changed it.
    """
    schema, version = known_version(connection, where=where)
    for step in migrations()[version:]:
        try:
            _apply(connection, step, schema)
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseUnusable(
                where,
                f"no table can be made in the schema {schema}",
                hint=f"GRANT CREATE ON SCHEMA {schema} TO the user",
            ) from error


def require_newest(connection: Connection, *, where: str) -> None:
    """Return if the schema that *connection* works in is that of this cictl; nothing is changed.

    Raises:
        DatabaseUnusable: It is no database of cictl, or an older cictl made it.
        DatabaseTooNew: A newer cictl has changed it.
    """
    schema, version = known_version(connection, where=where)
    if version == 0:
        raise NotFound(
            f"database of cictl in the schema {schema} of {where}", hint="check the address and its search_path"
        )
    if version < newest_version():
        raise DatabaseUnusable(
            where,
            f"an earlier cictl made its schema {version}, and this one needs {newest_version()}",
            hint="start a server of this version on it once, and stop it",
        )


def known_version(connection: Connection, *, where: str) -> tuple[str, int]:
    """Return the name of the schema that *connection* works in, and its version: 0 if nothing was made in it yet. Nothing is changed.

    Raises:
        DatabaseUnusable, DatabaseTooNew: As for `migrate`.
    """
    schema, version = _usable_schema(connection, where), _version(connection)
    if version > newest_version():
        raise DatabaseTooNew(where, found=version, known=newest_version())
    return schema, version


def _usable_schema(connection: Connection, where: str) -> str:
    row = connection.execute("SELECT current_schema(), current_setting('server_encoding')").fetchone()
    assert row is not None
    schema, encoding = row
    if connection.info.server_version < LEAST_POSTGRES * 10_000:
        found = connection.info.server_version // 10_000
        raise DatabaseUnusable(
            where, f"it is PostgreSQL {found}", hint=f"use PostgreSQL {LEAST_POSTGRES} or a newer one"
        )
    if encoding != "UTF8":
        raise DatabaseUnusable(
            where, f"its encoding is {encoding}", hint="createdb --encoding UTF8 --template template0"
        )
    if schema is None:
        raise DatabaseUnusable(where, "no schema of its search_path exists", hint="make it with CREATE SCHEMA")
    return str(schema)


def _version(connection: Connection) -> int:
    """Return the version of the schema; 0 if nothing was made in it yet."""
    # Not by `to_regclass`: that may look into a cache from before the transaction waited for its lock.
    is_there = connection.execute(
        "SELECT FROM pg_class WHERE relname = 'cictl_schema' AND relnamespace = current_schema()::regnamespace"
    )
    if is_there.fetchone() is None:
        return 0
    found = connection.execute("SELECT version FROM cictl_schema").fetchone()
    return 0 if found is None else int(found[0])


def _apply(connection: Connection, step: Migration, schema: str) -> None:
    """Do *step*, unless another server has done it meanwhile."""
    with connection.transaction():
        connection.execute(_NO_LIMITS)
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_LOCK + schema,))
        if _version(connection) >= step.version:
            return
        connection.execute("CREATE TABLE IF NOT EXISTS cictl_schema (version integer NOT NULL)")
        connection.execute(step.statements.encode())
        connection.execute("DELETE FROM cictl_schema")
        connection.execute("INSERT INTO cictl_schema VALUES (%s)", (step.version,))
        logger.info("database migrated schema=%s version=%d", schema, step.version)
