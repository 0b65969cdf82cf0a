"""`Idempotency-Key`: a client repeats a request, and its work is done once."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta

import msgspec

from cictl.base.clock import Clock
from cictl.wire.problems import BEING_ANSWERED
from cictl_server.errors import Conflict
from cictl_server.store.contract import Store
from cictl_server.store.records import AnswerRecord

LIFETIME = timedelta(hours=24)
"""How long an answer is kept."""


class IdempotencyService:
    """Remembers answers by key.

    The key is stored before the work begins, so a request never runs twice, even if the server dies in between. A stored
    key without an answer means: being answered if it is in `_running`, else interrupted. Both are changed under one lock,
    taken before the transaction: a repeat that came between the two changes would be told the wrong one.
    """

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, method: str, path: str, client_key: str) -> AnswerRecord | str:
        """Return the answer of an earlier request with this key; if there is none, the key for `finish` or `abandon`.

        Raises:
            Conflict: The earlier request is still being answered, or a stop of the server interrupted it.
        """
        key = hashlib.sha256(f"{method} {path} {client_key}".encode()).hexdigest()
        with self._lock, self._store.write() as tx:
            known = tx.answers.find(key)
            if known is None:
                tx.answers.put(AnswerRecord(key=key, created=self._clock()))
                self._running.add(key)
                return key
            if known.status:
                return known
            if key in self._running:
                raise Conflict(BEING_ANSWERED, hint="repeat it in a second")
        raise Conflict(
            "a request with this Idempotency-Key was interrupted",
            hint="look whether it took effect; then use a new key",
        )

    def finish(self, key: str, *, status: int, content_type: str, body: str) -> None:
        """Store the answer for repeats."""
        with self._lock, self._store.write() as tx:
            self._running.discard(key)
            known = tx.answers.find(key)
            if known is not None:
                tx.answers.put(msgspec.structs.replace(known, status=status, content_type=content_type, body=body))

    def abandon(self, key: str) -> None:
        """Forget a request that changed nothing, so that a repeat may try again."""
        with self._lock, self._store.write() as tx:
            self._running.discard(key)
            tx.answers.delete(key)

    def expire(self) -> None:
        """Forget the keys that are older than `LIFETIME`."""
        limit = self._clock() - LIFETIME
        with self._store.read() as view:
            old = [answer.key for answer in view.answers.iter_all() if answer.created < limit]
        if old:
            with self._store.write() as tx:
                for key in old:
                    tx.answers.delete(key)
