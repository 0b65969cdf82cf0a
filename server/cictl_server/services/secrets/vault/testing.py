"""Trying a connection. Each test logs in anew, and its token is used for nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cictl.base.clock import Clock
from cictl.base.job_parts import SecretRef
from cictl.wire.admin.vault import VAULT_AUTH_OK, VaultTestRequest, VaultTestResponse
from cictl_server.errors import NoCapacity
from cictl_server.services.secrets.vault.connections import VaultConnectionService, find_by_name
from cictl_server.services.secrets.vault.errors import VaultProblem
from cictl_server.services.secrets.vault.reading import VaultAccess, VaultReader, within
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.store.contract import Store
from cictl_server.store.records.secrets import VaultConnectionRecord

TEST_SECONDS = 20.0
"""The longest that a test takes."""

INSPECTION_SECONDS = 30.0

PLACES = 8
"""How many tests may run at once."""


class VaultTestService:
    def __init__(self, *, store: Store, connections: VaultConnectionService, access: VaultAccess, clock: Clock) -> None:
        self._store = store
        self._connections = connections
        self._access = access
        self._clock = clock
        self._places = threading.BoundedSemaphore(PLACES)

    def test(self, connection_id: int, request: VaultTestRequest) -> VaultTestResponse:
        """Log in, and read a secret if one is named. The answer has neither token nor value.

        Raises:
            NotFound: No such connection.
            NoCapacity: Too many tests run.
        """
        connection = self._connections.get_connection(connection_id)
        with self._place():
            return self._test(connection, request)

    def _test(self, connection: VaultConnectionRecord, request: VaultTestRequest) -> VaultTestResponse:
        reader = self._reader(TEST_SECONDS)

        def attempt() -> None:
            with reader:
                reader.log_in(connection, request.secret_id_override.strip())
                if request.test_secret is not None:
                    reader.value(connection, request.test_secret)

        try:
            within(TEST_SECONDS, attempt)
        except VaultProblem as problem:
            return VaultTestResponse(ok=False, message=str(problem))
        return VaultTestResponse(ok=True, message=VAULT_AUTH_OK)

    @contextmanager
    def inspection(self) -> Iterator[Inspection]:
        """Yield an inspection that tries many secrets within `INSPECTION_SECONDS` in all.

        Raises:
            NoCapacity: Too many tests run.
        """
        with self._place(), self._reader(INSPECTION_SECONDS) as reader:
            yield Inspection(self._store, reader)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Take one of the `PLACES`: a request that waits for a Vault holds a thread of the server."""
        if not self._places.acquire(blocking=False):
            raise NoCapacity("too many connections are being tested")
        try:
            yield
        finally:
            self._places.release()

    def _reader(self, seconds: float) -> VaultReader:
        return VaultReader(self._access, TokenCache(self._clock), seconds=seconds)


class Inspection:
    """One try of the connections and secrets of a file's steps."""

    def __init__(self, store: Store, reader: VaultReader) -> None:
        self._store = store
        self._reader = reader
        self._logins: dict[str, str] = {}

    def connection_problem(self, name: str) -> str:
        """Return why a login by this connection fails; empty when it works. Each connection is tried once."""
        if name not in self._logins:
            self._logins[name] = self._try_login(name)
        return self._logins[name]

    def secret_problem(self, name: str, secret: SecretRef) -> str:
        """Return why *secret* can't be read; empty when it can. Call it after a login that worked."""
        with self._store.read() as view:
            connection = find_by_name(view, name)
        if connection is None:
            return _not_found(name)
        try:
            within(self._reader.seconds_left, lambda: self._reader.value(connection, secret))
        except VaultProblem as problem:
            return str(problem)
        return ""

    def _try_login(self, name: str) -> str:
        if not name:
            return "no connection named"
        with self._store.read() as view:
            connection = find_by_name(view, name)
        if connection is None:
            return _not_found(name)
        try:
            within(self._reader.seconds_left, lambda: self._reader.log_in(connection))
        except VaultProblem as problem:
            return str(problem)
        return ""


def _not_found(name: str) -> str:
    return f'vault connection "{name}" not found'
