"""The test that a new version makes before it serves: whether it works with this data."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import msgspec

from cictl.installation.smoke import NO_DATABASE, TOO_NEW
from cictl.installation.versions import running_tag
from cictl_server.app import SERVED, Application, create_app
from cictl_server.errors import CictlError
from cictl_server.services import Services
from cictl_server.services.access.authentication import Policy
from cictl_server.storage import needing_psycopg
from cictl_server.store.contract import StoreTooNew
from cictl_server.store.tiny.snapshot import SCHEMA
from cictl_server.store.tiny.store import TinyStore


class SelfCheckFailed(CictlError):
    """This version can't run here."""


class SelfCheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a passed check. `schema` is the newest that this version can open."""

    ok: bool
    version: str
    schema: int


def check(data_dir: Path) -> SelfCheckReport:
    """Open the data, build the server, and let it answer two requests without a socket.

    Args:
        data_dir: A copy of a server's data, because opening may migrate it.

    Raises:
        SelfCheckFailed: The data is too new, or a request got a wrong answer.
        StoreError: The data can't be opened for another reason.
    """
    version = running_tag()
    try:
        store = TinyStore.open(data_dir)
    except StoreTooNew as error:
        raise SelfCheckFailed(f"{TOO_NEW} {error.found}") from error
    try:
        services = Services.build(store, data_dir, version=version, policy=Policy.NEVER)
        services.jobs.expiry.start_up()
        app = create_app(services)
        _load_all()
        health, info = _get(app, "/healthz"), _get(app, "/api/v1/server-info")
        services.core.hub.close()
    finally:
        store.close()
    if health.get("status") != "ok" or info.get("version") != version:
        raise SelfCheckFailed(f"answered {health} and {info}")
    return SelfCheckReport(ok=True, version=version, schema=SCHEMA)


def check_database(url: str) -> None:
    """Return if this version can work with the database at *url*, in which nothing is changed.

    Raises:
        SelfCheckFailed: A newer version has changed it, or it does not answer.
        InvalidRequest: *url* is none, or what PostgreSQL takes is not installed.
        StoreError: It can't be used for another reason.
    """
    with needing_psycopg():
        from cictl_server.postgres.address import DatabaseAddress
        from cictl_server.postgres.database import look_at_schema
        from cictl_server.postgres.errors import DatabaseTooNew, DatabaseUnreachable
    try:
        look_at_schema(DatabaseAddress.parse(url))
    except DatabaseTooNew as error:
        raise SelfCheckFailed(f"{TOO_NEW} {error.found}") from error
    except DatabaseUnreachable as error:
        raise SelfCheckFailed(f"{NO_DATABASE}: {error}") from error


def _load_all() -> None:
    """Load what answers at each route; a server loads it when somebody asks there first."""
    for route in SERVED:
        _ = route.resource


def _get(app: Application, path: str) -> dict[str, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path, "wsgi.input": BytesIO()}
    setup_testing_defaults(environ)
    statuses: list[str] = []

    def start(status: str, _headers: list[tuple[str, str]], _error: Any = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _: None

    body = b"".join(app(environ, start))
    if not statuses or not statuses[0].startswith("200"):
        raise SelfCheckFailed(f"{path} answered {statuses}")
    found: dict[str, Any] = json.loads(body)
    return found
