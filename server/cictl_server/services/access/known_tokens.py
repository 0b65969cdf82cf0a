"""Tokens that were looked up a moment ago: a busy agent shows its own several times a second."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import msgspec

from cictl.base.clock import Clock
from cictl_server.services.core.hub import Hub
from cictl_server.signals.topics import TOKENS
from cictl_server.store.contract import Store
from cictl_server.store.records.settings import TokenRecord

KEPT = timedelta(seconds=2)
"""How long a token is known without another look. Changes are told of at once; so long an untold one, from another server, may stay unseen."""

_MOST = 10_000
"""Of more tokens none is kept, rather than all of them for ever."""


class _Known(msgspec.Struct, frozen=True):
    token: TokenRecord
    since: datetime


class KnownTokens:
    """The records of tokens by the digests of their secrets. Wrong digests are looked up each time."""

    def __init__(self, *, store: Store, hub: Hub, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._news = hub.news(TOKENS)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def find(self, digest: str) -> TokenRecord | None:
        """Return the token whose secret has this digest, or None."""
        now, known = self._clock(), self._present()
        found = known.get(digest)
        if found is not None and found.since <= now < found.since + KEPT:
            return found.token
        token = self._store.look(lambda view: view.tokens.with_digest(digest))
        if token is not None:
            if len(known) >= _MOST:
                known.clear()
            # Into the book from before the look: if anything was told meanwhile, that one is read no more.
            known[digest] = _Known(token, now)
        return token

    def forget(self, digest: str) -> None:
        """Look this one up anew the next time."""
        self._present().pop(digest, None)

    def _present(self) -> dict[str, _Known]:
        """Return the book of what is known, a new one if a token was changed."""
        with self._lock:
            if self._news.is_set():
                self._news.clear()
                self._known = {}
            return self._known
