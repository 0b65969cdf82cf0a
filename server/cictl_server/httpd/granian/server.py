"""granian on one socket, in place of waitress: quicker, and with TLS. It is an extra, `cictl[granian]`.

granian reads requests and sends answers in threads that Python's lock does not hold up, and hands each request over in one of a number
of threads (`engine.py`). What comes later, such as a body or the end of a connection, is handed over when it comes
(`exchange.py`).
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cictl_server.errors import InvalidRequest
from cictl_server.httpd.granian.crowds import Crowds
from cictl_server.httpd.granian.engine import Engine, Settings
from cictl_server.httpd.granian.exchange import Answering, WsgiApp
from cictl_server.httpd.incoming import Admit, Keep, keep_as_usual
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.parking import Lot
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.turns import IsPage, Turns
from cictl_server.httpd.waitress_server import GRACE_SECONDS
from cictl_server.httpd.workers import Workers

logger = logging.getLogger(__name__)

_RESUMING_THREADS = 16
"""Threads in which answers go on that were put aside, and pages are made."""

_SWEEP_SECONDS = 1.0

_LEAST_GRACE_SECONDS = 1.0
"""For so long what goes on may end, also where clients that take nothing have used up the time for a stop."""


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
        keep: Keep = keep_as_usual,
        is_page: IsPage = lambda _method, _path: False,
        limits: ConnectionLimits | None = None,
        proxies: TrustedProxies | None = None,
        instance_id: str = "",
        tls: Tls | None = None,
    ) -> None:
        """Prepare; connections wait in the socket's queue until `run`.

        Args:
            threads: How many requests are worked on at once, besides those that go on after they were put aside.
            admit: Says for each request how much of its body is taken.
            keep: Says for each such request where its body is kept.
            is_page: Tells which requests take turns, see `Turns`.
            proxies: Who may tell for whom they ask; nobody by default.
            instance_id: Marks the answers that the application doesn't make, as it marks its own.

        Raises:
            InvalidRequest: granian can't be used.
        """
        self._engine = Engine()
        self._threads = Workers(_RESUMING_THREADS)
        self._lot = Lot(self._threads.add_task)
        self._turns = Turns(self._threads.add_task, is_page=is_page)
        limits = limits or ConnectionLimits()
        self._answering = Answering(
            app=app,
            admit=admit,
            keep=keep,
            proxies=proxies or TrustedProxies(),
            instance_id=instance_id,
            stalled_seconds=limits.stalled_seconds,
            lot=self._lot,
            is_page=is_page,
            turns=self._turns,
        )
        self._settings = Settings(
            threads=threads,
            connections=limits.of_all,
            header_seconds=limits.header_seconds,
            stalled_seconds=limits.stalled_seconds,
            certificate=(str(tls.certificate), str(tls.key)) if tls else None,
        )
        self._listener = listener
        self._crowds = Crowds(listener, limits)
        self._stopping = threading.Event()
        self._has_ended = threading.Event()

    def run(self) -> None:
        """Serve until `stop`, then finish the answers under way, and close everything including the socket."""
        self._engine.serve(
            self._answering.answer,
            self._listener,
            self._settings,
            later=lambda call: self._threads.add_task(_Later(call)),
        )
        try:
            while not self._stopping.wait(_SWEEP_SECONDS):
                self._answering.give_up_slow()
                self._make_room()
        finally:
            self._end()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and twice."""
        self._stopping.set()

    def _make_room(self) -> None:
        try:
            self._crowds.make_room(self._answering.busy)
        except OSError as error:
            logger.warning("connections could not be looked at: %s", error)

    def _end(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        self._listener.close()
        self._engine.stop(self._has_ended.set)
        self._lot.drain(GRACE_SECONDS)
        self._turns.end()
        # Connections end before the answers to clients that have left, which the threads still have.
        self._has_ended.wait(max(0.0, deadline - time.monotonic()))
        self._threads.shutdown(seconds=max(_LEAST_GRACE_SECONDS, deadline - time.monotonic()))
        for told in list(self._answering.told):
            told.give_up_room()


class _Later:
    """Something to be done in a thread. Done, it is forgotten: a thread remembers its last task until the next one."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._calls = [call]

    def service(self) -> None:
        self._calls.pop()()

    def cancel(self) -> None:
        """Leave it, as the server stops."""
