"""Trying a connection: always by a login of its own, whose token is never used for anything else."""

from __future__ import annotations

from cictl.wire.jobs import SecretRef
from cictl.wire.vault import VAULT_AUTH_OK, VaultTestRequest, VaultTestResponse
from cictl_server.services.ids import Clock
from cictl_server.services.vault.connections import VaultConnectionService, find_by_name
from cictl_server.services.vault.errors import VaultProblem
from cictl_server.services.vault.reading import VaultAccess, VaultReader, within
from cictl_server.services.vault.tokens import TokenCache
from cictl_server.store.contract import Store

TEST_SECONDS = 20.0
"""The longest that a test takes."""

INSPECTION_SECONDS = 30.0


class VaultTestService:
    def __init__(self, *, store: Store, connections: VaultConnectionService, access: VaultAccess, clock: Clock) -> None:
        self._store = store
        self._connections = connections
        self._access = access
        self._clock = clock

    def test(self, connection_id: int, request: VaultTestRequest) -> VaultTestResponse:
        """Log in, and read a secret if one is named; neither token nor value is told.

        Raises:
            NotFound: No such connection.
        """
        connection = self._connections.get_connection(connection_id)
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

    def inspection(self) -> Inspection:
        """Return what tries many secrets, for half a minute in all; close it."""
        return Inspection(self._store, self._reader(INSPECTION_SECONDS))

    def _reader(self, seconds: float) -> VaultReader:
        return VaultReader(self._access, TokenCache(self._clock), seconds=seconds)


class Inspection:
    """Tries the connections and secrets of steps, and says of each how that went."""

    def __init__(self, store: Store, reader: VaultReader) -> None:
        self._store = store
        self._reader = reader
        self._logins: dict[str, str] = {}

    def __enter__(self) -> Inspection:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    def connection_problem(self, name: str) -> str:
        """Return why nobody can log in by the connection of this name; empty when that works. Tried once."""
        if name not in self._logins:
            self._logins[name] = self._try_login(name)
        return self._logins[name]

    def secret_problem(self, name: str, secret: SecretRef) -> str:
        """Return why *secret* can't be read; empty when it can. The login must have worked."""
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
