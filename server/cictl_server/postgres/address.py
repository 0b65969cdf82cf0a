"""The address of a PostgreSQL database, as `--store` gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cictl_server.errors import InvalidRequest

SCHEMES = ("postgresql://", "postgres://")

_FORM = "postgresql://USER@HOST:PORT/DATABASE"
_PLAIN = re.compile(r"[\w.:,%/-]*", re.ASCII)
"""What hosts and ports consist of. Another character is a piece of a password that was not percent-encoded."""


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """Where a database is, and how to log in.

    Attributes:
        shown: For people: scheme, user, host, port and database, without the password and the parameters.
        parameters: As libpq takes them; what is absent comes from its variables (`PGPASSWORD` …) and `~/.pgpass`.
    """

    shown: str
    parameters: dict[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> DatabaseAddress:
        """Read a URL of PostgreSQL; `?options=-csearch_path%3DNAME` chooses a schema.

        Raises:
            InvalidRequest: It is none. The text shows nothing of it, as it may hold a password.
        """
        if not url.startswith(SCHEMES):
            raise InvalidRequest(f"--store: neither a folder nor a URL like {_FORM}")
        try:
            parameters = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            parameters = {"host": "@"}
        host, port = str(parameters.get("host") or ""), str(parameters.get("port") or "")
        if not _PLAIN.fullmatch(host) or not re.fullmatch(r"[\d,]*", port, re.ASCII):
            raise InvalidRequest(
                f"--store: not a URL like {_FORM}",
                hint="write /, @, :, # and ? in a user or password as %2F, %40, %3A, %23 and %3F",
            )
        return cls(shown=_shown(parameters, host=host, port=port), parameters=parameters)


def _shown(parameters: dict[str, Any], *, host: str, port: str) -> str:
    user = f"{parameters['user']}@" if parameters.get("user") else ""
    colon = f":{port}" if port.strip(",") else ""
    name = f"/{parameters['dbname']}" if parameters.get("dbname") else ""
    return f"postgresql://{user}{host}{colon}{name}"
