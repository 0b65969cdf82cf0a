"""The notifications between servers: who sends, when, and which topics changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

BOARDS = "boards"
"""Topic: a board was changed. Only servers themselves listen to this and the next ones."""

SERVERS = "servers"
"""Topic: a server has come or gone."""

ECHO = "echo"
"""Topic: nothing changed; the sender looks whether its notifications arrive."""

_LONGEST = 7000
"""Characters of one notification; PostgreSQL takes less than 8,000 bytes, and topics are ASCII."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notification.

    Attributes:
        sender: The id of a server.
        sent: By the sender's `time.monotonic`, so it means something to the sender alone.
    """

    sender: str
    sent: float
    topics: tuple[str, ...]

    def encode(self) -> str:
        return "\n".join((self.sender, repr(self.sent), *self.topics))

    @classmethod
    def decode(cls, payload: str) -> Notice:
        sender, sent, *topics = payload.split("\n")
        return cls(sender=sender, sent=float(sent), topics=tuple(topics))


def notices(sender: str, topics: Iterable[str], *, sent: float) -> Iterator[Notice]:
    """Yield as few notices with these topics as their length allows."""
    part: list[str] = []
    size = 0
    for topic in topics:
        if part and size + len(topic) > _LONGEST:
            yield Notice(sender=sender, sent=sent, topics=tuple(part))
            part, size = [], 0
        part.append(topic)
        size += len(topic) + 1
    if part:
        yield Notice(sender=sender, sent=sent, topics=tuple(part))


def channel_of(schema: str) -> str:
    """Return the channel of the servers of one schema. It has a digest in place of the name: PostgreSQL cuts at 63 bytes."""
    return "cictl_" + hashlib.sha256(schema.encode()).hexdigest()[:16]
