"""What other servers must hear of, gathered and sent by one thread.

Never in a transaction that writes: NOTIFY takes a lock of the whole database until the transaction is on the disk.
"""

from __future__ import annotations

import threading
import time

from cictl_server.postgres.database import Database
from cictl_server.signals.identity import Identity
from cictl_server.signals.postgres.notices import channel_of, notices

_NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"


class Outbox:
    """The topics that wait to be sent. What comes while one notification is sent goes with the next."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self._database = database
        self._sender = identity.instance_id
        self._channel = channel_of(database.schema)
        self._lock = threading.Lock()
        self._topics: dict[str, None] = {}
        self._is_due = threading.Event()

    def put(self, *topics: str) -> None:
        """Send *topics* soon."""
        with self._lock:
            self._topics.update(dict.fromkeys(topics))
        self._is_due.set()

    def poke(self) -> None:
        """Wake the sending thread, though there is no topic yet."""
        self._is_due.set()

    def wait(self) -> None:
        """Wait until there is something to send, or `poke`."""
        self._is_due.wait()
        self._is_due.clear()

    def send(self) -> None:
        """Send what there is.

        Raises:
            StoreAway: The database does not answer; the topics go on waiting.
        """
        with self._lock:
            taken, self._topics = self._topics, {}
        if not taken:
            return
        try:
            self._notify(taken)
        except BaseException:
            self.put(*taken)
            raise

    def _notify(self, topics: dict[str, None]) -> None:
        payloads = [notice.encode() for notice in notices(self._sender, topics, sent=time.monotonic())]
        self._database.fetch(_NOTIFY, (self._channel, payloads))
