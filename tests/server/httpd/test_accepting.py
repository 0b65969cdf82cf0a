"""Taking connections while the system has no room for one more."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from cictl_server.httpd.accepting import Acceptor
from cictl_server.httpd.places import Places, Rank


class FullSystem:
    """The socket of a server at which connections wait, on a system that has room for *room* of them."""

    def __init__(self, *, room: int, waiting: int) -> None:
        self.room = room
        self._waiting = waiting

    def accept(self) -> tuple[socket.socket, Any] | None:
        if not self._waiting:
            return None
        if not self.room:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        self.room -= 1
        self._waiting -= 1
        return socket.socket(), ("192.0.2.1", 1)

    def set_socket_options(self, connection: socket.socket) -> None:
        pass


class Client:
    """Who holds a place, and has room to give back."""

    address = "192.0.2.1"
    rank: Rank = (False, 0.0)

    def __init__(self, system: FullSystem, places: Places, connection: socket.socket, *, is_silent: bool) -> None:
        self.is_silent = is_silent
        self._system = system
        self._places = places
        self._connection = connection
        places.take(self)

    def close_now(self) -> None:
        self._places.give_back(self)
        self._connection.close()
        self._system.room += 1


@pytest.mark.parametrize(("is_silent", "taken"), [(True, 5), (False, 2)])
def test_where_no_file_may_be_opened_the_silent_make_room(*, is_silent: bool, taken: int) -> None:
    """If nobody is silent, the server pauses, instead of trying again and again."""
    system, places = FullSystem(room=2, waiting=5), Places(of_peer=10, of_all=10)
    clients: list[Client] = []

    def begin(connection: socket.socket, _peer: Any) -> None:
        clients.append(Client(system, places, connection, is_silent=is_silent))

    acceptor = Acceptor(system, places, begin=begin)
    acceptor.accept()
    assert (len(clients), acceptor.is_open()) == (taken, is_silent)
    for client in clients[-2:]:
        client.close_now()
    acceptor.reopen()
    assert acceptor.is_open()
    acceptor.accept()
    assert len(clients) == min(5, taken + 2)
    for client in clients:
        client._connection.close()


def test_a_connection_that_can_not_begin_takes_no_other_along(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[socket.socket] = []

    def begin(connection: socket.socket, _peer: Any) -> None:
        begun.append(connection)
        raise RuntimeError("broken") if len(begun) == 1 else OSError(errno.ENOSPC, "no space")

    system, places = FullSystem(room=3, waiting=3), Places(of_peer=10, of_all=10)
    acceptor = Acceptor(system, places, begin=begin)
    acceptor.accept()
    assert [connection.fileno() for connection in begun] == [-1] * 3
    assert acceptor.is_open()
    assert caplog.text.count("RuntimeError: broken") == 1
