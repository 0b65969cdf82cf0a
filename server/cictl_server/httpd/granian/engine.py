"""What is used of granian: the worker of its ASGI interface, without asyncio. All that is not public there is named here.

granian's public way to serve is its command line, which makes processes, and the store lives in this one. Its worker hands over each
request in one of a number of threads, and asks an event loop to pass on whatever comes later: a piece of a body, room for more of an
answer, the end of a connection. Here both are plain calls, so no request passes through a loop, and who waits needs no thread.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from cictl_server.errors import InvalidRequest

VERSIONS = "2.8."
"""The versions whose parts these are. `pyproject.toml` asks for the same."""

_NAME = "granian._granian"
_BACKLOG = 1024
_HEADER_BYTES = 64 << 10
_IDLE_SECONDS = 30
"""After so long a thread ends that has nothing to do."""

_SILENT_SLACK_SECONDS = 5.0
"""granian counts the silence between two requests as that within a header. Agents ask every 10 seconds, which is the usual limit for a
header: without more time many would ask just while their connection is closed."""

_RUNTIME_THREADS = 8
"""Threads of granian's own for what would block it; they call no Python."""


class Future(Protocol):
    """Something that granian says later. One that is already known has no `add_done_callback`."""

    def add_done_callback(self, call: Callable[[Any], None]) -> None: ...

    def cancel(self) -> bool: ...

    def result(self) -> Any: ...


class RequestProtocol(Protocol):
    """One request, as ASGI has it, with futures in the place of awaitables."""

    def receive(self) -> Future: ...

    def send(self, message: dict[str, Any]) -> Future: ...


class Watcher(Protocol):
    """What granian hands over for one request."""

    @property
    def proto(self) -> RequestProtocol: ...

    @property
    def scope(self) -> dict[str, Any]: ...

    def done(self) -> None:
        """End the answer, whole or not. One that was not begun becomes granian's own 500."""


class _Http1(msgspec.Struct, frozen=True, kw_only=True):
    """What granian asks of the settings of HTTP/1; times in milliseconds."""

    header_read_timeout: int
    keep_alive: bool = True
    max_buffer_size: int = _HEADER_BYTES
    pipeline_flush: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve.

    Attributes:
        threads: How many requests are handed over at once.
        connections: How many there are at once; others wait in the socket's queue.
        header_seconds: How long a client may take for the header of a request, give or take some seconds.
        stalled_seconds: For how long a client may take no byte of an answer.
        certificate: The path of the certificate that is shown, and of its key; None for plain HTTP.
    """

    threads: int
    connections: int
    header_seconds: float
    stalled_seconds: float
    certificate: tuple[str, str] | None = None


def is_usable() -> bool:
    """Tell whether granian is installed, in a version whose parts are known, on a system where it is used."""
    try:
        parts = _load() if os.name == "posix" else None
    except ImportError:  # built for another system
        return False
    return parts is not None and parts.__version__.startswith(VERSIONS)


class Engine:
    """granian, in threads of this process."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            InvalidRequest: It is not installed, is of another version, or knows no such sockets as this system's.
        """
        hint = "pip install 'cictl[granian]'"
        if os.name != "posix":
            raise InvalidRequest("granian is used on Unix only", hint="use --server waitress")
        parts = _load()
        if parts is None:
            raise InvalidRequest("granian is not installed", hint=hint)
        if not parts.__version__.startswith(VERSIONS):
            raise InvalidRequest(f"granian {parts.__version__} is none of {VERSIONS}x", hint=hint)
        logging.getLogger("_granian").setLevel(logging.WARNING)  # it tells at each client that leaves
        self._parts: Any = parts
        self._signal = parts.WorkerSignal()

    def serve(
        self, answer: Callable[[Watcher], None], listener: socket.socket, settings: Settings, *, later: Later
    ) -> None:
        """Begin to answer those who connect to *listener*.

        Args:
            answer: Called for each request. It must not raise.
            later: Called with what may be done at once, but not within what is being done.
        """
        _limit(listener, settings.stalled_seconds)
        header = settings.header_seconds + _SILENT_SLACK_SECONDS
        certificate, key = settings.certificate or (None, None)
        worker = self._parts.ASGIWorker(
            worker_id=1,
            sock=(None, self._parts.SocketHolder(os.dup(listener.fileno()), False, _BACKLOG)),
            ipc=None,
            threads=1,
            blocking_threads=_RUNTIME_THREADS,
            py_threads=settings.threads,
            py_threads_idle_timeout=_IDLE_SECONDS,
            backpressure=settings.connections,
            http_mode="1",
            http1_opts=_Http1(header_read_timeout=int(header * 1000)),
            ssl_enabled=certificate is not None,
            ssl_cert=certificate,
            ssl_key=key,
            ssl_protocol_min="tls1.2",
            metrics=(None, None),
        )
        loop = _Loop(later)
        scheduler = self._parts.CallbackScheduler(loop, None, None, None, None)
        scheduler._schedule_fn = answer
        worker.serve_str(scheduler, loop, self._signal)

    def stop(self, has_ended: Callable[[], None]) -> None:
        """Take no connections any more, and call *has_ended* once the last one has ended: silent ones do at once, others after their answer."""
        self._signal.add_cb(has_ended)
        self._signal.set()


Later = Callable[[Callable[[], None]], None]


class _Loop:
    """Stands where granian has an event loop, and calls at once."""

    def __init__(self, later: Later) -> None:
        self._later = later

    def call_soon_threadsafe(self, call: Callable[[Any], None], future: Any, context: object = None) -> None:
        """Pass on what has come, in the thread of granian that brings it."""
        call(future)

    def call_soon(self, call: Callable[[Any], None], future: Any, context: object = None) -> None:
        """Pass on what came while it was being asked for. Not within that: an answer of many pieces would end in a recursion."""
        self._later(lambda: call(future))


def _load() -> Any:
    """Return the compiled part of granian, and None if there is none.

    The package around it is left out: it loads asyncio and multiprocessing, which nobody needs here, in ten times the time.
    """
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = importlib.util.find_spec("granian")
    places = package.submodule_search_locations if package else None
    found = importlib.machinery.PathFinder.find_spec(_NAME, places) if places else None
    if found is None or found.loader is None:
        return None
    module = sys.modules[_NAME] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _limit(listener: socket.socket, stalled_seconds: float) -> None:
    """Set what the connections inherit. granian has no limit of its own for clients that take nothing; the system has on Linux."""
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, user_timeout, int(stalled_seconds * 1000))
