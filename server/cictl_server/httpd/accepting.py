"""Taking connections, also while the system has no room for one more.

waitress lets an error of `accept` pass, so the loop turns round and round as long as no file can be opened; and whatever goes wrong
with a newcomer closes the socket at which all others would come.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from typing import Any

from cictl_server.httpd.places import Places

logger = logging.getLogger(__name__)

NO_FILES = frozenset({EMFILE, ENFILE})
"""The numbers of system errors that mean that no more files may be open."""

_NO_ROOM = NO_FILES | {ENOBUFS, ENOMEM}
_AT_ONCE = 32


class Acceptor:
    """Takes the connections that wait at the socket of one server. For the thread of its loop alone."""

    def __init__(self, server: Any, places: Places, *, begin: Callable[[socket.socket, Any], Any]) -> None:
        """Take those that come to *server*, waitress's.

        Args:
            places: Where room is made when the system has none.
            begin: Is called with each connection and the address of its client.
        """
        self._server = server
        self._places = places
        self._begin = begin
        self._is_paused = False

    def is_open(self) -> bool:
        """Tell whether connections are taken now."""
        return not self._is_paused

    def reopen(self) -> None:
        """Take connections again after a pause."""
        self._is_paused = False

    def accept(self) -> None:
        """Take those that have come, but not all of a crowd: after a restart all agents come at once, and others are to be answered."""
        for _ in range(_AT_ONCE):
            try:
                taken = self._server.accept()
            except OSError as error:
                if error.errno in _NO_ROOM and self._places.make_room():
                    continue
                self._is_paused = True
                logger.warning("no connection can be taken for a moment: %s", error)
                return
            if taken is None:
                return
            self._take(*taken)

    def _take(self, connection: socket.socket, peer: Any) -> None:
        try:
            self._server.set_socket_options(connection)
            self._begin(connection, peer)
        except OSError as error:  # on some systems its client may have left already
            connection.close()
            logger.info("a connection could not be taken: %s", error)
        except Exception:  # else waitress would close the socket of the server
            connection.close()
            logger.exception("a connection could not be taken")
