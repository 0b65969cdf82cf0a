"""Whole exchanges with one server over connections that are kept: a request leaves in one piece, and its answer comes as one.

`requests` takes more than ten times the processor time for the same, and a busy agent does little else; to load it takes longer than
most commands. What needs more than this, such as a proxy, cookies, redirects or a body that is a file, is the business of `session`.
"""

from __future__ import annotations

import re
import select
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from urllib.parse import quote

from cictl.base.urls import origin, split_http
from cictl.base.web.trust import NO_FILES, TlsFiles, authorities

if TYPE_CHECKING:
    import ssl

_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})[ \r\n]")
_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,15})\s*[;\r\n]")
_LONGEST_LINE = 1 << 16
_MOST_HEADERS = 200
_MOST_IDLE = 32
_UNQUOTED = "!#$%&'()*+,/:;=?@[]~"
"""What stays as it is in a target, which is quoted already where its parts need it."""


class NotConnected(ConnectionError):
    """No connection came about, so the request did not go out."""


class Reply(NamedTuple):
    """An answer, whatever its status. The names of headers are in lower case; one that came twice has both values, with a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Limits(NamedTuple):
    """How many seconds connecting may take, and each wait for bytes."""

    connect: float
    read: float


class Exchanges:
    """The connections to one server, for several threads. A request takes one that is idle, or connects."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str], tls: TlsFiles = NO_FILES) -> None:
        """Prepare; the first request connects.

        Args:
            base_url: `http` or `https`, without user info.
            headers: Go with each request.
            tls: Whom to trust, and what to show.
        """
        parts = split_http(base_url)
        self._prefix = parts.path.rstrip("/")
        self._scheme, self._host, self._port = origin(parts)
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
        self._headers = {"Host": host, "Accept-Encoding": "identity", **headers}
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle: deque[_Connection] = deque()
        self._is_closed = False

    def ask(
        self, method: str, place: str, body: bytes | None = None, *, headers: Mapping[str, str], limits: Limits
    ) -> Reply:
        """Send a request, and return the answer. Nothing is repeated.

        Args:
            method: `POST`, or `GET` and `DELETE` without a body.
            place: What is behind the base URL: path and query. What no request can name in its first line is quoted.

        Raises:
            NotConnected: There is no connection.
            OSError: The answer did not come, or was none of HTTP.
            ValueError: No header can carry one of *headers*.
        """
        length = {} if body is None else {"Content-Length": str(len(body))}
        target = self._prefix + quote(place, safe=_UNQUOTED)
        message = _head(f"{method} {target} HTTP/1.1", {**self._headers, **headers, **length}) + (body or b"")
        connection = self._connection(limits.connect)
        try:
            reply, is_kept = connection.exchange(message, seconds=limits.read)
        except BaseException:
            connection.close()
            raise
        if is_kept and not self._is_closed and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        """Close the connections; those that are in use once their answers came."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _connection(self, seconds: float) -> _Connection:
        with suppress(IndexError):
            while True:
                idle = self._idle.pop()
                if idle.is_fresh():
                    return idle
                idle.close()
        try:
            return _Connection(self._connected(seconds))
        except OSError as error:
            raise NotConnected(str(error)) from error

    def _connected(self, seconds: float) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            if self._scheme == "http":
                return plain
            return self._trusting().wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def _trusting(self) -> ssl.SSLContext:
        if self._context is None:
            import ssl

            context = ssl.create_default_context(cafile=self._tls.ca_file or authorities())
            if self._tls.client_cert:
                context.load_cert_chain(self._tls.client_cert, self._tls.client_key or None)
            self._context = context
        return self._context


class _Connection:
    """One connection, which one thread uses at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._file = connected.makefile("rb")
        self._seconds: float | None = None

    def is_fresh(self) -> bool:
        """Tell whether the server still listens: it closes a connection that is idle for long, and says nothing else unasked."""
        return not _can_be_read(self._socket)

    def exchange(self, message: bytes, *, seconds: float) -> tuple[Reply, bool]:
        """Return the answer to a request, and whether the connection is good for another one."""
        if seconds != self._seconds:
            self._socket.settimeout(seconds)
            self._seconds = seconds
        with suppress(BrokenPipeError, ConnectionResetError):
            # A server may refuse a request before it has read it all, and its answer is there then. If not, reading tells.
            self._socket.sendall(message)
        return _read(self._file)

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._socket.close()


def _head(first: str, headers: Mapping[str, str]) -> bytes:
    """Return the first line and the headers of a request."""
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    text = "\n".join(lines)
    if text.count("\n") >= len(lines) or "\r" in text:
        raise ValueError("a header has a line break in it")
    return (text.replace("\n", "\r\n") + "\r\n\r\n").encode("latin-1")


def _read(file: BinaryIO) -> tuple[Reply, bool]:
    """Read one answer, after any that only say that it will come; tell whether another one may follow."""
    while True:
        begun = _STATUS.match(_line(file))
        if begun is None:
            raise ConnectionError("Connection broken: the answer does not begin as one of HTTP")
        status, headers = int(begun[2]), _read_headers(file)
        if status >= 200:
            break
    wants = headers.get("connection", "" if begun[1] == b"1" else "close").lower()
    if status in (204, 304):
        body = b""
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = _read_chunks(file)
    elif (length := headers.get("content-length", "")).isdecimal():
        body = _exactly(file, int(length))
    else:
        body, wants = file.read(), "close"
    return Reply(status, headers, body), "close" not in wants


def _read_headers(file: BinaryIO) -> dict[str, str]:
    named: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(file)
        if line in (b"\r\n", b"\n"):
            return named
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.lower(), value.strip()
        named[name] = f"{named[name]}, {value}" if name in named else value
    raise ConnectionError("Connection broken: the answer has too many headers")


def _read_chunks(file: BinaryIO) -> bytes:
    chunks: list[bytes] = []
    while True:
        size = _SIZE.match(_line(file))
        if size is None:
            raise ConnectionError("Connection broken: the answer is no chunk of HTTP")
        length = int(size[1], 16)
        if not length:
            _read_headers(file)  # which may follow the last chunk
            return b"".join(chunks)
        chunks.append(_exactly(file, length))
        _line(file)


def _line(file: BinaryIO) -> bytes:
    line = file.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ConnectionError("Connection broken: the answer ends in a line, or has one that is too long")
    return line


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise ConnectionError(f"Connection broken: {len(data)} bytes of {length} came")
    return data


def _can_be_read(connected: socket.socket) -> bool:
    if not hasattr(select, "poll"):  # as on Windows, where `select` takes any number
        return bool(select.select([connected], [], [], 0)[0])
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
