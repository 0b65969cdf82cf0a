"""A pooler, such as pgbouncer, between a server and its database: it may lend another connection for each transaction.

What a connection keeps beyond its transaction may be gone, or may be another client's. So cictl keeps nothing there that counts:
its locks are of transactions, notifications may be lost, and behind a pooler no statement is prepared.
"""

from __future__ import annotations

import re
from typing import Any

from psycopg import Connection

from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.errors import DatabaseUnusable

REFUSES_OPTIONS = "unsupported startup parameter: options"
"""How pgbouncer refuses `?options=…`."""

_SEARCH_PATH = re.compile(r"search_path=(\S+)")


def is_behind_pooler(connection: Connection[Any]) -> bool:
    """Tell whether the process that answers is another one than who logged *connection* in named."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid


def suit(connection: Connection[Any]) -> None:
    """Let *connection* prepare no statement if it is behind a pooler: the next transaction may be where nobody has prepared it."""
    if is_behind_pooler(connection):
        connection.prepare_threshold = None


def require_search_path(connection: Connection[Any], address: DatabaseAddress) -> None:
    """Return if *connection* works in the schema that `?options=` of *address* names, if that names one.

    Raises:
        DatabaseUnusable: A pooler has dropped the option.
    """
    wanted = _SEARCH_PATH.findall(str(address.parameters.get("options") or ""))
    if not wanted or not is_behind_pooler(connection):
        return
    row = connection.execute("SELECT current_setting('search_path')").fetchone()
    if row != (wanted[-1],):
        raise options_refused(address.shown)


def options_refused(where: str) -> DatabaseUnusable:
    """Return the error of an address whose `?options=` do not pass a pooler."""
    return DatabaseUnusable(
        where,
        "a pooler is there, which passes no ?options=… on",
        hint="name PostgreSQL itself, or leave them out and ALTER ROLE … SET search_path = … there",
    )
