"""Making room where there are too many connections. granian tells nothing of one on which nothing is asked, the system does."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Container, Sequence
from contextlib import suppress

from cictl_server.httpd.accepting import NO_FILES
from cictl_server.httpd.limits import ConnectionLimits

_OPEN_FILES = "/dev/fd"
_FULL, _ROOMY = 15 / 16, 3 / 4
"""Above the first part of all places, connections are closed down to the second one: so many may come between two looks."""

_LEFT = 1 / 4
"""So many of the silent ones stay where the system opens no more files: it needs them for other things, too."""

Client = tuple[str, int]
"""The address and the port of a client."""


class Crowds:
    """Who holds the connections of one server, looked at from time to time. For one thread."""

    def __init__(self, listener: socket.socket, limits: ConnectionLimits) -> None:
        """Look after the connections to the address of *listener*."""
        self._port = listener.getsockname()[1]
        self._of_peer = limits.of_peer
        self._full, self._roomy = int(limits.of_all * _FULL), int(limits.of_all * _ROOMY)
        self._silent_since: dict[Client, float] = {}

    def make_room(self, busy: Container[Client]) -> None:
        """Close connections above the limits, first those that are silent for longest; none of those who are *busy* asking."""
        numbers = _open_files()
        if numbers is not None and len(numbers) <= min(self._of_peer, self._full):
            return
        looked_at = range(os.sysconf("SC_OPEN_MAX")) if numbers is None else numbers
        clients = {client: number for number in looked_at if (client := self._client_of(number)) is not None}
        now = time.monotonic()
        silent = {client: self._silent_since.get(client, now) for client in clients if client not in busy}
        self._silent_since = silent
        above = Counter(address for address, _ in clients)
        above.subtract(dict.fromkeys(above, self._of_peer))
        above_all = len(clients) - self._roomy if len(clients) > self._full else 0
        if numbers is None:
            above_all = max(above_all, len(silent) - int(len(silent) * _LEFT))
        for client in sorted(silent, key=silent.__getitem__):
            if above[client[0]] > 0 or above_all > 0:
                above[client[0]] -= 1
                above_all -= 1
                self._close(clients[client], client)

    def _client_of(self, number: int) -> Client | None:
        """Return who is at the other end of an open file; None if that is no connection of this server."""
        try:
            connection = socket.socket(fileno=number)
        except OSError:
            return None
        try:
            own, client = connection.getsockname(), connection.getpeername()
            return client[:2] if isinstance(own, tuple) and own[1] == self._port else None
        except OSError:
            return None
        finally:
            connection.detach()

    def _close(self, number: int, client: Client) -> None:
        """Tell granian that a client has gone. Its number may be that of another one by now."""
        try:
            held = os.dup(number)
        except OSError:
            held = number  # no more files can be opened, so it has to do without being held
        with suppress(OSError):
            connection = socket.socket(fileno=held)
            try:
                if connection.getpeername()[:2] == client and connection.getsockname()[1] == self._port:
                    connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()
        if held != number:
            os.close(held)


def _open_files() -> Sequence[int] | None:
    """Return the numbers of the files that are open; None if no more can be opened, not even to look."""
    try:
        return [int(name) for name in os.listdir(_OPEN_FILES)]  # noqa: PTH208 - a path for each of 12,000 takes ten times as long
    except OSError as error:
        if error.errno in NO_FILES:
            return None
        raise
