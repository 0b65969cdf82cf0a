"""What tells one running server from the others."""

from __future__ import annotations

import socket
import uuid
from datetime import datetime

import msgspec

from cictl_server.signals.contract import Member


def _host() -> str:
    return socket.gethostname().strip()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The server of this process, from its start to its end.

    Attributes:
        instance_id: Made at random.
        name: The host that it runs on.
    """

    version: str
    instance_id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    name: str = msgspec.field(default_factory=_host)

    def member(self, *, started: datetime, seen: datetime, leads: tuple[str, ...]) -> Member:
        """Return it as one of the servers."""
        return Member(
            instance_id=self.instance_id,
            name=self.name,
            version=self.version,
            started=started,
            seen=seen,
            leads=leads,
        )
