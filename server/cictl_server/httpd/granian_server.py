"""granian on one socket, in place of waitress: quicker, and with TLS. It is an extra, `cictl[granian]`.

granian reads requests and sends answers in threads that Python's lock does not hold up, and calls the application in one of a number
of threads. It does not tell when a client has gone, and has no limits for one that reads slowly. So it is used where `--server`
says so; `docs/operations.md` has the differences.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from cictl_server.errors import CictlError, InvalidRequest, TooLarge
from cictl_server.http.errors import REFUSAL
from cictl_server.httpd.incoming import Admit, Head
from cictl_server.httpd.malformed import error_headers
from cictl_server.httpd.proxies import Header, TrustedProxies

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_GRACE_SECONDS = 10.0
_HEADER_BYTES = 64 << 10
_IDLE_SECONDS = 30
"""After so long a thread ends that has nothing to do."""

_RUNTIME_THREADS = 8
"""Threads of granian's own for what would block it; they call no Python."""

_FORWARDED = (
    "X_FORWARDED_FOR",
    "X_FORWARDED_HOST",
    "X_FORWARDED_PROTO",
    "X_FORWARDED_PORT",
    "X_FORWARDED_BY",
    "FORWARDED",
)
"""Headers that anybody can send. Only `TrustedProxies` reads them, and the application must not."""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its chain, and its key, as PEM files."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Look whether they can be used.

        Raises:
            InvalidRequest: They can't be read, or don't belong together.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError too
            raise InvalidRequest(
                f"TLS with {self.certificate} and {self.key} can't be used: {error}",
                hint="--tls-cert and --tls-key are PEM files that belong together",
            ) from error


class GranianHttpd:
    """A WSGI application behind a bound socket. `run` serves until any thread calls `stop`."""

    def __init__(
        self,
        app: WsgiApp,
        listener: socket.socket,
        *,
        threads: int,
        admit: Admit,
        header_seconds: float,
        proxies: TrustedProxies | None = None,
        instance_id: str = "",
        tls: Tls | None = None,
    ) -> None:
        """Prepare; connections wait in the socket's queue until `run`.

        Args:
            admit: Says for each request how much of its body is taken.
            header_seconds: How long a client may take for the header of a request.
            proxies: Who may tell for whom they ask; nobody by default.
            instance_id: Marks the answers that the application doesn't make, as it marks its own.

        Raises:
            InvalidRequest: granian is not installed.
        """
        try:
            import granian._granian as engine
        except ImportError as error:
            raise InvalidRequest("granian is not installed", hint="pip install 'cictl[granian]'") from error
        self._engine: Any = engine
        self._answer = _Answering(app, admit=admit, proxies=proxies or TrustedProxies(), instance_id=instance_id)
        self._listener = listener
        self._threads = threads
        self._header_seconds = header_seconds
        self._tls = tls
        self._signal = engine.WorkerSignal()
        self._has_ended = threading.Event()

    def run(self) -> None:
        """Serve until `stop`, then finish the answers under way, and close everything including the socket."""
        # Only granian's command line has a public way to serve, and it makes processes. The store lives in this one. The version is
        # pinned, and tests of the whole server run on it.
        import asyncio

        from granian._futures import _new_cbscheduler
        from granian.http import HTTP1Settings

        self._listener.setblocking(False)
        listener = self._engine.SocketHolder(os.dup(self._listener.fileno()), False, _BACKLOG)
        settings = HTTP1Settings(header_read_timeout=int(self._header_seconds * 1000), max_buffer_size=_HEADER_BYTES)
        files = (str(self._tls.certificate), str(self._tls.key)) if self._tls else (None, None)
        worker = self._engine.WSGIWorker(
            1,
            (None, listener),
            None,
            1,
            _RUNTIME_THREADS,
            self._threads,
            _IDLE_SECONDS,
            self._threads * 8,
            "1",
            settings,
            None,
            None,
            self._tls is not None,
            *files,
            None,
            "tls1.2",
            None,
            [],
            False,
            (None, None),
        )
        loop = asyncio.new_event_loop()
        scheduler: Any = _new_cbscheduler  # it has no types
        self._signal.add_cb(self._has_ended.set)
        worker.serve_mtr(scheduler(loop, self._answer, impl_asyncio=True), loop, self._signal)
        try:
            self._has_ended.wait()
        finally:
            self._listener.close()
            loop.close()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and twice."""
        self._signal.set()


class _Answering:
    """What granian calls for each request, in one of its threads."""

    def __init__(self, app: WsgiApp, *, admit: Admit, proxies: TrustedProxies, instance_id: str) -> None:
        self._app = app
        self._admit = admit
        self._proxies = proxies
        self._instance_id = instance_id
        self._constant = {
            "SCRIPT_NAME": "",
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multiprocess": False,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }

    def __call__(self, protocol: Any, scope: dict[str, Any]) -> int:
        told = _Told()
        environ = {**self._constant, **scope}
        try:
            self._complete(environ)
            body = self._app(environ, told.start_response)
        except Exception:
            logger.exception("Exception while serving %s", environ.get("PATH_INFO"))
            told.status, told.headers = 500, list(error_headers(self._instance_id).items())
            body = [b"a fault ended this answer; the log of the server has details\n"]
        headers = [*told.headers, ("Server", "cictl")]
        if isinstance(body, list):
            protocol.response_bytes(told.status, headers, b"".join(body))
        else:
            protocol.response_iter(told.status, headers, _Blocks(body))
        return told.status

    def _complete(self, environ: dict[str, Any]) -> None:
        """Add who asks and how much of the body is taken, and leave out what anybody may claim."""
        environ["PATH_INFO"] = "/" + environ["PATH_INFO"].lstrip("/")
        caller = self._proxies.caller(environ["REMOTE_ADDR"], _header_of(environ))
        if caller.address != environ["REMOTE_ADDR"]:
            environ["wsgi.url_scheme"] = caller.scheme
        environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = caller.address
        environ[REFUSAL] = None
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
            self._admit_body(environ)
        for name in _FORWARDED:
            environ.pop(f"HTTP_{name}", None)

    def _admit_body(self, environ: dict[str, Any]) -> None:
        length = int(environ["CONTENT_LENGTH"]) if environ.get("CONTENT_LENGTH", "").isdecimal() else None
        head = Head(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"].encode("latin-1", "replace").decode("utf-8", "replace"),
            query=environ.get("QUERY_STRING", ""),
            length=length,
            header=_header_of(environ),
            scheme=environ["wsgi.url_scheme"],
        )
        try:
            most = self._admit(head)
            if length is not None and most and length > most:
                raise TooLarge(f"the body is larger than {most} bytes")
        except CictlError as error:
            environ[REFUSAL] = error
            most = 0
        if most:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], length=length, most=most)
        else:
            environ["wsgi.input"] = BytesIO()
            environ["CONTENT_LENGTH"] = "0"


def _header_of(environ: dict[str, Any]) -> Header:
    def find(name: str) -> str | None:
        key = name.upper().replace("-", "_")
        value: str | None = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
        return value

    return find


class _Told:
    """What the application said of its answer."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        self.status, self.headers = int(status.split(" ", 1)[0]), headers


class _Blocks:
    """The blocks of an answer, as granian asks for them. It calls `close` at the end, and when the client has gone."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self._blocks: Iterator[bytes] = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


class _Body:
    """A body that is read as far as it was admitted, and must be as long as its header says."""

    def __init__(self, source: Any, *, length: int | None, most: int) -> None:
        self._source = source
        self._length = length
        self._most = most
        self._read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most *size* bytes; all that follow if it is negative.

        Raises:
            TooLarge: There are more than were admitted.
            InvalidRequest: There are fewer than the header said.
        """
        data: bytes = self._source.read(size) if size >= 0 else self._source.read()
        return self._counted(data, is_end=size < 0 or len(data) < size)  # granian's returns less at the end alone

    def readline(self, size: int = -1) -> bytes:
        data: bytes = self._source.readline() if size < 0 else self._source.readline(size)
        return self._counted(data, is_end=not data)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(1 << 16), b"")

    def _counted(self, data: bytes, *, is_end: bool) -> bytes:
        self._read_bytes += len(data)
        if self._read_bytes > self._most:
            raise TooLarge(f"the body is larger than {self._most} bytes")
        if is_end and self._length is not None and self._read_bytes < self._length:
            raise InvalidRequest(f"the body ended after {self._read_bytes} of {self._length} bytes")
        return data
