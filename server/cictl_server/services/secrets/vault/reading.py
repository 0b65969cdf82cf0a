"""Reading secrets: with cached tokens, one fresh login if a token is refused, and each place once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from cictl.base.job_parts import SecretRef
from cictl_server.services.secrets.vault.client import Place, VaultClient, place_of, value_of
from cictl_server.services.secrets.vault.connections import is_allowed
from cictl_server.services.secrets.vault.errors import TokenRefused, VaultRefused, VaultUnavailable
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.store.records.secrets import VaultConnectionRecord

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class VaultAccess:
    """What every reader needs: the environment with the secret ids, and the Vaults that may get them."""

    environment: Mapping[str, str] = field(repr=False)
    allowed_urls: Sequence[str]

    def secret_id(self, connection: VaultConnectionRecord) -> str:
        """Return the secret id of *connection* from the present environment of the process.

        Raises:
            VaultRefused: The variable is blank or missing, or this Vault may not get it.
        """
        self.check(connection)
        found = self.environment.get(connection.secret_id_env, "").strip()
        if not found:
            raise VaultRefused(
                "vault secret id not available (configure secret_id_env and set it in process environment)"
            )
        return found

    def check(self, connection: VaultConnectionRecord) -> None:
        """Check that the Vault of *connection* is allowed. The list may have changed since the connection was stored.

        Raises:
            VaultRefused: It is not allowed.
        """
        if not is_allowed(connection.url, self.allowed_urls):
            raise VaultRefused(f"create vault request: {connection.url} is not a Vault address that this server allows")


class VaultReader:
    """One reading of secrets that belong together, such as those of one execution. Use it as a context manager.

    Attributes:
        waits_for: The connection whose Vault was called last.
        got_answer: Whether anything has been read.
    """

    def __init__(self, access: VaultAccess, tokens: TokenCache, *, seconds: float) -> None:
        """Give up *seconds* from now."""
        self._access = access
        self._tokens = tokens
        self._ends_at = time.monotonic() + seconds
        self._clients: dict[int, VaultClient] = {}
        self._read: dict[tuple[int, Place], Mapping[str, msgspec.Raw]] = {}
        self._fresh: set[int] = set()
        self.waits_for: VaultConnectionRecord | None = None
        self.got_answer = False

    def __enter__(self) -> VaultReader:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    def log_in(self, connection: VaultConnectionRecord, secret_id: str = "") -> str:
        """Log in even if a token is known, and return the new token.

        Args:
            secret_id: Use this one instead of the configured one.

        Raises:
            VaultProblem: The login failed.
        """
        self._access.check(connection)
        self.waits_for = connection
        login = self._client(connection).login(secret_id or self._access.secret_id(connection))
        self._tokens.keep(connection, login)
        self._fresh.add(connection.id)
        return login.token

    def value(self, connection: VaultConnectionRecord, secret: SecretRef) -> str:
        """Return the text of a secret.

        Raises:
            VaultProblem: It can't be read.
        """
        key = secret.key.strip()
        if not key:
            raise VaultRefused("secret key is required")
        place = place_of(connection, mount=secret.mount, path=secret.path, kv_version=secret.kv_version)
        at = (connection.id, place)
        if at not in self._read:
            self._read[at] = self._fetch(connection, place)
        return value_of(self._read[at], key, path=place.path)

    def _fetch(self, connection: VaultConnectionRecord, place: Place) -> Mapping[str, msgspec.Raw]:
        token = self._token(connection)
        self.waits_for = connection
        try:
            found = self._client(connection).read(place, token=token)
        except TokenRefused:
            self._tokens.drop(connection, token)
            if connection.id in self._fresh:
                raise
            # The token may have been revoked, or the policies of the role changed, since the login: try once with a new one.
            found = self._client(connection).read(place, token=self.log_in(connection))
        self.got_answer = True
        return found

    def _token(self, connection: VaultConnectionRecord) -> str:
        """Return the token to use. Logins to one Vault take turns, so that simultaneous leases share one token."""
        self._access.check(connection)
        self.waits_for = connection
        lock = self._tokens.login_lock(connection.id)
        if not lock.acquire(timeout=self.seconds_left):
            raise VaultUnavailable("send vault request: another login takes too long")
        try:
            return self._tokens.find(connection) or self.log_in(connection)
        finally:
            lock.release()

    def _client(self, connection: VaultConnectionRecord) -> VaultClient:
        client = self._clients.get(connection.id)
        if client is None:
            client = self._clients[connection.id] = VaultClient(connection, ends_at=self._ends_at)
        return client


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run *work* on a thread of its own and return its result, but wait for *seconds* at most.

    A socket's time limit is not enough: it covers neither the look-up of a host's name nor an answer that trickles in.

    Raises:
        VaultUnavailable: It took longer. The thread may go on; its result is dropped.
        Exception: What *work* raised.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            done.set_exception(error)

    threading.Thread(target=run, name="vault", daemon=True).start()
    try:
        return done.result(timeout=seconds)
    except TimeoutError:
        raise VaultUnavailable("send vault request: no answer in time") from None
