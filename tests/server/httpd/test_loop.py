"""What the loop of a server waits for."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from cictl_server.httpd.loop import Loop

SECONDS = 60.0

Pair = tuple[socket.socket, socket.socket]


class Ear:
    """A connection that only notes what it hears."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._fileno = end.fileno()
        self.heard = b""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        self.heard += self._end.recv(100)


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made = [socket.socketpair() for _ in range(2)]
    yield made
    for pair in made:
        for end in pair:
            end.close()


def test_a_number_that_is_used_again_is_watched_again(pairs: list[Pair]) -> None:
    """A thread that ends an answer may attend to a connection while the loop closes it."""
    sockets: dict[int, Any] = {}
    loop = Loop(sockets, wake=lambda: None)
    (former, _), (end, peer) = pairs
    closing = Ear(former)
    sockets[closing._fileno] = closing
    loop.attend(closing)
    loop.leave(closing)
    loop.attend(closing)
    os.dup2(end.fileno(), number := former.detach())
    with socket.socket(fileno=number) as again:
        sockets[number] = newcomer = Ear(again)
        loop.attend(newcomer)
        peer.sendall(b"hello")
        loop.turn(SECONDS)
        assert newcomer.heard == b"hello"
    loop.close()
