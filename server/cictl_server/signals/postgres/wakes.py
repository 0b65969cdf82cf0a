"""Waking waiters here at once, and at other servers through the outbox."""

from __future__ import annotations

from cictl_server.signals.postgres.outbox import Outbox
from cictl_server.signals.watches import LocalWakes


class PostgresWakes(LocalWakes):
    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def publish(self, topic: str) -> None:
        self.publish_here(topic)
        self._outbox.put(topic)

    def publish_here(self, topic: str) -> None:
        """Wake the waiters of this server alone."""
        super().publish(topic)
