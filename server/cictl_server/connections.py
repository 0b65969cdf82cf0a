"""The connections of the server: how long a client may take to say what it wants, and who may hold how many.

waitress lets each byte renew a client's time, and accepts nobody any more once all places are taken. Here the header of a
request has one time limit in all, a body must come at some speed, and a newcomer gets the place of whoever has been silent for
longest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel

from cictl_server.errors import FULL
from cictl_server.malformed import ErrorAnswer, Parser, error_headers

_TLS_HANDSHAKE = b"\x16\x03"
"""How a client begins that speaks TLS (RFC 8446, 5.1)."""

_BODY_GRACE_SECONDS = 60.0
_LEAST_BODY_SPEED = 1024
"""Bytes a second that a body must bring on average, once its grace is over."""

_REFUSAL = "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{text}\n"


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        header_seconds: From a request's first byte, or from the beginning of the connection, to the end of its header.
        of_peer: Connections from one address.
        of_all: Connections in all.
    """

    header_seconds: float = 10.0
    of_peer: int = 500
    of_all: int = 1000


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, and since when its client has been in the state in which it is."""

    parser_class = Parser
    error_task_class = ErrorAnswer

    def __init__(self, *args: Any, limits: ConnectionLimits, instance_id: str, **options: Any) -> None:
        """Take a connection; *instance_id* marks the answers that no application makes."""
        self.limits = limits
        self.instance_id = instance_id
        self._is_new = True
        self._idle_since = time.monotonic()
        self._header_since: float | None = self._idle_since
        self._body_since: float | None = None
        super().__init__(*args, **options)
        _make_room(self)

    @property
    def is_silent(self) -> bool:
        """Whether the client has neither a request under way nor a body to send: it can be cut off without harm."""
        return not (self.requests or self.total_outbufs_len or self._body_since)

    @property
    def rank(self) -> tuple[bool, float]:
        """Who leaves first when others want the place: whoever owes a header for longest, then who is idle for longest."""
        return self._header_since is None, self._header_since or self._idle_since

    def received(self, data: bytes) -> bool:
        """Take what came, as waitress does, and note what the client owes now."""
        if self._is_new and data.startswith(_TLS_HANDSHAKE):
            self._refuse("400 Bad Request", "this port speaks plain HTTP: begin the address with http://")
            return False
        self._is_new = False
        now = time.monotonic()
        if self.request is None:
            self._header_since = now
        try:
            is_taken = bool(super().received(data))
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._refuse("507 Insufficient Storage", "the server's disk for temporary files is full: free space there")
            return False
        self._note_debt(now)
        return is_taken

    def close_if_slow(self, now: float) -> None:
        """Close the connection if its client has taken too long."""
        is_late = self._header_since is not None and now - self._header_since > self.limits.header_seconds
        if (is_late and self.is_silent) or self._is_body_slow(now):
            self.will_close = True

    def _note_debt(self, now: float) -> None:
        if self.request is None:
            self._idle_since = now
            self._header_since = self._body_since = None
        elif self.request.headers_finished:
            self._header_since = None
            self._body_since = self._body_since or now

    def _is_body_slow(self, now: float) -> bool:
        request = self.request
        if request is None or self._body_since is None:
            return False
        passed = now - self._body_since
        return passed > _BODY_GRACE_SECONDS and request.body_bytes_received < passed * _LEAST_BODY_SPEED

    def _refuse(self, status: str, text: str) -> None:
        """Answer without a request, and close."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in error_headers(self.instance_id).items())
        answer = _REFUSAL.format(status=status, headers=headers, length=len(text) + 1, text=text).encode()
        with self.outbuf_lock:
            self.outbufs[-1].append(answer)
            self.current_outbuf_count += len(answer)
            self.total_outbufs_len += len(answer)
            self.close_when_flushed = True


def close_slow(channels: Iterable[Any]) -> None:
    """Close the connections of clients that have taken too long."""
    now = time.monotonic()
    for channel in list(channels):
        if isinstance(channel, Channel):
            channel.close_if_slow(now)


def _make_room(newcomer: Channel) -> None:
    """If there are too many connections, close one of a silent client; the newcomer if there is none."""
    limits = newcomer.limits
    # Those that are about to be closed hold no place: else each newcomer of a crowd would choose the same one.
    others = [c for c in newcomer.server.active_channels.values() if c is not newcomer and not c.will_close]
    if len(others) < min(limits.of_peer, limits.of_all):
        return
    of_peer = [c for c in others if c.addr[0] == newcomer.addr[0]]
    if len(of_peer) < limits.of_peer and len(others) < limits.of_all:
        return
    crowd = of_peer if len(of_peer) >= limits.of_peer else others
    silent = [channel for channel in crowd if channel.is_silent]
    min(silent, key=lambda channel: channel.rank, default=newcomer).will_close = True
