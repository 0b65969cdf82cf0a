"""The connections of the server: how long a client may take to ask and to read the answer, and who may hold how many.

waitress lets each byte renew a client's time, waits for ever for one that does not read, and accepts nobody any more once all
places are taken. Here the header of a request has one time limit in all, a body must come at some speed, an answer must be
taken, and a newcomer gets the place of whoever has been silent for longest.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from cictl_server.errors import FULL, CictlError, TooLarge
from cictl_server.malformed import ErrorAnswer, Parser, error_headers
from cictl_server.proxies import Caller, Header, TrustedProxies

logger = logging.getLogger(__name__)

_TLS_HANDSHAKE = b"\x16\x03"
"""How a client begins that speaks TLS (RFC 8446, 5.1)."""

_BODY_GRACE_SECONDS = 60.0
_LEAST_BODY_SPEED = 1024
"""Bytes a second that a body must bring on average, once its grace is over."""

_PUSH_SECONDS = 1.0
"""After so long without progress an answer is pushed on: poll tells of room only once a third of the kernel's buffer is free."""

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1 << 20
"""For how long, and how much, is read and thrown away after a refusal: else the client might not get to see the answer."""

REFUSAL = "cictl.refusal"
"""Where the application finds the error for which a body was not taken."""

_REFUSAL = "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{text}\n"


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        header_seconds: From a request's first byte, or from the beginning of the connection, to the end of its header.
        stalled_seconds: For how long a client may take no byte of an answer. Each byte that it takes renews the time.
        of_peer: Connections from one address.
        of_all: Connections in all.
    """

    header_seconds: float = 10.0
    stalled_seconds: float = 30.0
    of_peer: int = 500
    of_all: int = 1000


@dataclass(frozen=True, kw_only=True)
class Head:
    """A request without its body.

    Attributes:
        path: Decoded, without the query.
        length: Bytes of the body; None when the client does not tell.
        scheme: `http` or `https`, as the client sees it.
        header: Returns the value of a header; None if it was not sent.
    """

    method: str
    path: str
    query: str
    length: int | None
    header: Header
    scheme: str = "http"


Admit = Callable[[Head], int]
"""Returns how many bytes of a request's body are taken at most, or raises the CictlError with which it is refused."""


class Request(Parser):
    """A request as it comes in. Its body is taken only as far as it was admitted.

    Attributes:
        refusal: Why the body was not taken.
        is_refused: Whether it was not, also where that goes without a reason: nobody answers at this path.
    """

    body_rcv: Any

    def __init__(
        self,
        adjustments: Any,
        *,
        admit: Admit,
        on_refusal: Callable[[], None],
        caller: Callable[[Header], Caller],
    ) -> None:
        """Begin.

        Args:
            on_refusal: Called before anybody answers the request, which another thread may do at once.
            caller: Tells from the header of the request who asks.
        """
        super().__init__(adjustments)
        self._admit = admit
        self._on_refusal = on_refusal
        self._caller = caller
        self._most_bytes = 0
        self.refusal: CictlError | None = None
        self.is_refused = False

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self._caller(self._header)

    def received(self, data: bytes) -> int:
        """Take a piece of the request, and return how much of *data* belongs to it."""
        was_in_header = not self.headers_finished
        consumed = int(super().received(data))
        if self.error is not None:
            self._on_refusal()
            return len(data)
        if self.body_rcv is not None:
            if was_in_header and self.headers_finished:
                self._decide()
            elif self.body_bytes_received > self._most_bytes:
                self._refuse(_too_large(self._most_bytes))
        return len(data) if self.is_refused else consumed

    def _decide(self) -> None:
        """Take the body or refuse it, before the client is told to go on (`Expect: 100-continue`)."""
        try:
            self._most_bytes = self._admit(self._head())
        except CictlError as error:
            self._refuse(error)
            return
        if not self._most_bytes:
            self._refuse(None)
        elif not self.chunked and self.content_length > self._most_bytes:
            self._refuse(_too_large(self._most_bytes))

    def _refuse(self, error: CictlError | None) -> None:
        """Let the application answer without the body. The connection is closed then, as the body may still be coming."""
        self.refusal, self.is_refused = error, True
        self.completed, self.expect_continue = True, False
        self.close()
        self.body_rcv = None
        self.headers |= {"CONTENT_LENGTH": "0", "CONNECTION": "close"}
        self._on_refusal()

    def _head(self) -> Head:
        path = "/" + self.path.lstrip("/")  # as the application will see it
        return Head(
            method=self.command,
            path=path.encode("latin-1").decode("utf-8", "replace"),
            query=self.query,
            length=None if self.chunked else self.content_length,
            header=self._header,
            scheme=self.caller.scheme,
        )

    def _header(self, name: str) -> str | None:
        value: str | None = self.headers.get(name.upper().replace("-", "_"))
        return value


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most_bytes} bytes")


class Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Tells the application who asks, and why a body was not taken."""

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[REFUSAL] = self.request.refusal
        caller = self.request.caller
        environment["REMOTE_ADDR"] = environment["REMOTE_HOST"] = caller.address
        environment["wsgi.url_scheme"] = caller.scheme
        return environment


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """One connection, and since when its client has been in the state in which it is."""

    requests: list[Any]
    close_when_flushed: bool
    task_class = Task
    error_task_class = ErrorAnswer

    def __init__(
        self,
        *args: Any,
        limits: ConnectionLimits,
        admit: Admit,
        proxies: TrustedProxies,
        instance_id: str,
        **options: Any,
    ) -> None:
        """Take a connection; *instance_id* marks the answers that no application makes."""
        self.limits = limits
        self.instance_id = instance_id
        self.parser_class = partial(
            Request,
            admit=admit,
            on_refusal=self._throw_away,
            caller=lambda header: proxies.caller(self.addr[0], header),
        )
        self._asks = ""
        """The address of who asked last; empty until somebody has."""
        self._thrown_away: int | None = None
        """How many bytes came after a refusal; None when there was none."""
        self._lingers_since: float | None = None
        self._is_new = True
        self._idle_since = time.monotonic()
        self._header_since: float | None = self._idle_since
        self._body_since: float | None = None
        self._taken_at = self._idle_since
        """When the client last took a byte, or was owed none yet."""
        self._is_writing = False
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
        if self._thrown_away is not None:
            self._thrown_away += len(data)
            if self._thrown_away > _LINGER_BYTES:
                self.handle_close()
            return False
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

    def _throw_away(self) -> None:
        """Keep nothing of what comes from now on."""
        self._thrown_away = 0

    def readable(self) -> bool:
        if self._thrown_away is not None and self._lingers_since is None:
            return False  # the answer comes first
        return bool(super().readable())

    def handle_write(self) -> None:
        """Send what is queued. After a refusal close in two steps: say that nothing follows, and read on for a moment."""
        if self._thrown_away is None or not self.close_when_flushed:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close or self.total_outbufs_len:
            return
        self.close_when_flushed = False
        self._lingers_since = time.monotonic()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def service(self) -> None:
        """Answer the next request, in a thread.

        A client that sends a request before it reads the answer to the one before is cut off: a thread would have to wait
        for it, and no place is counted for that.
        """
        if not self.total_outbufs_len:
            self._asks = self.requests[0].caller.address
            super().service()
            return
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []
            self.close_when_flushed = True
        self.server.pull_trigger()

    def write_soon(self, data: Any) -> int:
        """Queue *data* for the client, in a thread; wait while more than `outbuf_high_watermark` is unread."""
        if not self.total_outbufs_len:
            self._taken_at = time.monotonic()
        self._is_writing = True
        try:
            return int(super().write_soon(data))
        finally:
            self._is_writing = False

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress also calls this between two requests of a connection. `service` decides then, and waits for nobody.
        if self._is_writing:
            super()._flush_outbufs_below_high_watermark()

    def _flush_some(self, do_close: bool = True) -> bool:
        has_sent = bool(super()._flush_some(do_close=do_close))
        if has_sent:
            self._taken_at = time.monotonic()
        return has_sent

    def close_if_slow(self, now: float) -> None:
        """Close the connection if its client has taken too long. To be called by the thread of the loop."""
        if self.total_outbufs_len:
            self._close_if_stalled(now)
            return
        if self._lingers_since is not None and now - self._lingers_since > _LINGER_SECONDS:
            self.handle_close()
            return
        is_late = self._header_since is not None and now - self._header_since > self.limits.header_seconds
        if (is_late and self.is_silent) or self._is_body_slow(now):
            self.will_close = True

    def _close_if_stalled(self, now: float) -> None:
        if now - self._taken_at < _PUSH_SECONDS:
            return
        self._flush_exception(self._flush_some_if_lockable)
        if now - self._taken_at > self.limits.stalled_seconds:
            logger.info("closed, its client takes nothing peer=%s unsent=%d", self._asks, self.total_outbufs_len)
            self.handle_close()  # at once, and not by `will_close`: that waits for poll, which never tells of room here

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
