"""Hearing what other servers tell, on a connection that does nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from psycopg import Connection, sql

from cictl.base.backoff import Backoff
from cictl_server.errors import StoreError
from cictl_server.postgres.database import Database
from cictl_server.signals.identity import Identity
from cictl_server.signals.postgres.notices import Notice, channel_of

logger = logging.getLogger(__name__)

ECHO_SECONDS = 5.0
"""How often a server sends itself a notification, to see whether any arrive."""

_DEAF_AFTER = 2.5 * ECHO_SECONDS
_LOOK_SECONDS = 0.25
"""How soon the listener notices that the server ends."""

_BACKOFF = Backoff(first=0.2, most=5, jitter=0.5)


class Listener:
    """Calls back for each notice of another server.

    A connection through pgbouncer takes LISTEN and then hears nothing. So what counts is whether the server's own notices
    come back: while they don't, `lag_seconds` is None and waiters must look more often.
    """

    def __init__(
        self,
        database: Database,
        identity: Identity,
        *,
        heard: Callable[[tuple[str, ...]], None],
        connected: Callable[[], None],
    ) -> None:
        """Listen when `run`.

        Args:
            heard: Gets the topics that other servers tell of.
            connected: Called after each time that the connection was made: what was told before is missed.
        """
        self._database = database
        self._own_id = identity.instance_id
        self._heard = heard
        self._connected = connected
        self._echo_at = float("-inf")
        self._lag = 0.0

    @property
    def lag_seconds(self) -> float | None:
        """How long the last notice of our own was under way; None if none came lately."""
        return self._lag if time.monotonic() - self._echo_at < _DEAF_AFTER else None

    def run(self, stopping: threading.Event) -> None:
        """Listen until *stopping*; connect anew whenever the connection is lost."""
        failures = 0
        while not stopping.is_set():
            try:
                with self._database.connect() as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel_of(self._database.schema))))
                    self._connected()
                    failures = 0
                    self._listen(connection, stopping)
            except (StoreError, psycopg.Error) as error:
                failures += 1
                logger.debug("listening connection lost failures=%d: %s", failures, error)
                stopping.wait(_BACKOFF.after(failures))

    def _listen(self, connection: Connection, stopping: threading.Event) -> None:
        while not stopping.is_set():
            for notification in connection.notifies(timeout=_LOOK_SECONDS):
                self._take(Notice.decode(notification.payload))

    def _take(self, notice: Notice) -> None:
        if notice.sender == self._own_id:
            self._echo_at = time.monotonic()
            self._lag = self._echo_at - notice.sent
        else:
            self._heard(notice.topics)
