"""The tokens by which agents prove that they hold an execution. The record keeps the digest, the agent the token."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import msgspec

from cictl_server.services.history.holder import token_hash
from cictl_server.store.records import JobRecord

_MOST = 10_000
_BYTES = 32


class LeaseTokens:
    """Makes tokens, and remembers the last ones, so that a lease whose answer was lost is given again with the same token.

    After a restart of the server such a lease gets a new token. Running executions need none: their record has the digest.
    """

    def __init__(self) -> None:
        self._given: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def renew(self, job: JobRecord) -> JobRecord:
        """Return *job* with the digest of a new token."""
        token = secrets.token_urlsafe(_BYTES)
        with self._lock:
            self._given[job.id] = token
            self._given.move_to_end(job.id)
            if len(self._given) > _MOST:
                self._given.popitem(last=False)
        return msgspec.structs.replace(job, lease_hash=token_hash(token))

    def find(self, job: JobRecord) -> str:
        """Return the token of the last lease of *job*; empty if it is not known here, or there is none."""
        with self._lock:
            token = self._given.get(job.id, "")
        return token if job.lease_hash and token_hash(token) == job.lease_hash else ""
