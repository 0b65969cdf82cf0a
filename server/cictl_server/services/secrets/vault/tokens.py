"""Vault tokens, in memory only: one for each connection, kept for most of its lifetime."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from cictl.base.clock import Clock
from cictl_server.store.records.secrets import VaultConnectionRecord


@dataclass(frozen=True, kw_only=True)
class Login:
    """The result of a login.

    Attributes:
        lifetime: How long Vault said that the token is valid.
    """

    token: str = field(repr=False)
    lifetime: timedelta


@dataclass(frozen=True, kw_only=True)
class _Kept:
    settings: str
    token: str = field(repr=False)
    until: datetime


class TokenCache:
    """The token of each connection, valid only for the record with which it was obtained.

    So it does not matter at which server somebody saves or deletes the connection: a saved one has another `updated`, and the id of
    a deleted one is never used again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._login_locks: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def find(self, connection: VaultConnectionRecord) -> str | None:
        with self._lock:
            kept = self._kept.get(connection.id)
        if kept is None or kept.settings != _digest(connection) or self._clock() >= kept.until:
            return None
        return kept.token

    def keep(self, connection: VaultConnectionRecord, login: Login) -> None:
        """Keep a token for 80 % of its lifetime, in whole seconds."""
        seconds = int(login.lifetime.total_seconds() * 4 // 5)
        until = self._clock() + timedelta(seconds=seconds)
        with self._lock:
            self._kept = {known: kept for known, kept in self._kept.items() if self._clock() < kept.until}
            self._kept[connection.id] = _Kept(settings=_digest(connection), token=login.token, until=until)

    def drop(self, connection: VaultConnectionRecord, token: str) -> None:
        """Forget a token that Vault refused, unless a newer one has replaced it."""
        with self._lock:
            kept = self._kept.get(connection.id)
            if kept is not None and kept.token == token:
                del self._kept[connection.id]

    def forget(self, connection_id: int) -> None:
        """Forget the token of a connection that was changed or deleted."""
        with self._lock:
            self._kept.pop(connection_id, None)

    def login_lock(self, connection_id: int) -> threading.Lock:
        """Return the lock to hold during a login, so that simultaneous leases log in once."""
        with self._lock:
            return self._login_locks[connection_id]


def _digest(connection: VaultConnectionRecord) -> str:
    """Return a hash of the connection as it is, with the time of its last change."""
    return hashlib.sha256(msgspec.json.encode(connection)).hexdigest()
