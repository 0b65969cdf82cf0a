"""A time limit for whole exchanges, which bytes that trickle don't move."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Cutoff:
    """Cuts every connection that it watches at one moment, whatever happens there: TLS, a proxy, headers, a body.

    The time limit of a socket begins anew with each byte, so a server that sends one every few seconds keeps its client for
    as long as it likes. A connection that is cut looks like one that the server has closed. So ask `has_come` before you
    believe that an answer is whole.

    Attributes:
        has_come: Whether the moment has come.
    """

    def __init__(self, seconds: float) -> None:
        """Begin to count.

        Args:
            seconds: How long it is until the moment.
        """
        self.has_come = False
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = self._started(seconds)

    def move(self, seconds: float) -> None:
        """Set the moment anew, to *seconds* from now, unless it has come."""
        self._timer.cancel()
        self._timer = self._started(seconds)

    def watch(self, connected: socket.socket) -> None:
        """Watch a connection until `close`."""
        # TLS takes the descriptor from the socket. A second one for the same connection stays ours.
        twin = connected.dup()
        with self._lock:
            self._watched.append(twin)
            if self.has_come:
                _shut_down(twin)

    def close(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        with self._lock:
            for twin in self._watched:
                twin.close()
            self._watched.clear()

    def __enter__(self) -> Cutoff:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(max(0.0, seconds), self._cut)
        timer.daemon = True
        timer.start()
        return timer

    def _cut(self) -> None:
        with self._lock:
            self.has_come = True
            for twin in self._watched:
                _shut_down(twin)


def pools_watched_by(cutoff: Cutoff) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes of urllib3's pools, by scheme, whose connections *cutoff* watches."""

    # `_new_conn` makes the socket, before TLS and before a proxy is asked. urllib3's own connections through SOCKS override it too.
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            cutoff.watch(made)
            return made

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            cutoff.watch(made)
            return made

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _shut_down(twin: socket.socket) -> None:
    with suppress(OSError):  # it is closed at the other end already
        twin.shutdown(socket.SHUT_RDWR)
