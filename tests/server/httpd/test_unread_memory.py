"""A crowd that asks for much and reads nothing: what waits for all of them together is limited."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.unread import Unread
from cictl_server.serve import ServerKind

MIB = 1 << 20
SIZE = 16 * MIB
"""Much more than the buffers of the system take."""
KERNEL_BYTES = 4 * MIB
"""They take no more than this of an answer to a client with a small buffer."""


def app(_environ: object, start: Callable[..., Any]) -> list[bytes]:
    start("200 OK", [("Content-Length", str(SIZE))])
    return [bytes(SIZE)]


@pytest.fixture
def server() -> Iterator[ThreadedServer]:
    limits = ConnectionLimits(unread_bytes=3 * SIZE)
    threaded = ThreadedServer(app, kind=ServerKind.WAITRESS, limits=limits)
    yield threaded
    threaded.stop()


def asking(stack: ExitStack, server: ThreadedServer) -> socket.socket:
    """Ask, and read no more than the first byte of the answer."""
    connection = stack.enter_context(socket.socket())
    connection.settimeout(60)
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16
    )  # a fixed size: else the system takes more later
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(1)
    return connection


def is_whole(connection: socket.socket) -> bool:
    """Read on, and tell whether a whole answer comes."""
    got = 0
    try:
        while got < SIZE:
            block = connection.recv(MIB)
            got += len(block)
            if not block:
                return False
    except ConnectionError:
        return False
    return True


def test_who_reads_gets_everything_while_a_crowd_reads_nothing(server: ThreadedServer) -> None:
    with ExitStack() as stack:
        crowd = [asking(stack, server) for _ in range(8)]
        assert is_whole(asking(stack, server))
        # Who has taken nothing for longest is a matter of moments here, so only how many had to leave is certain.
        assert 1 <= sum(map(is_whole, crowd)) <= 3 * SIZE // (SIZE - KERNEL_BYTES)


def test_what_was_sent_is_not_kept_for_as_long_as_the_connection(server: ThreadedServer) -> None:
    with ExitStack() as stack:
        assert is_whole(asking(stack, server))
        [channel] = server._httpd._server.active_channels.values()
        eventually(lambda: not kept_bytes(channel), what="the end of what was sent")


def kept_bytes(channel: Any) -> int:
    """Return how many bytes the buffers of a connection hold, be they sent or not."""
    with channel.outbuf_lock:  # under which the server closes them
        return sum(buffer.buf.file.seek(0, os.SEEK_END) for buffer in channel.outbufs if buffer.buf is not None)


class Reader:
    """A connection of which nothing is taken."""

    def __init__(self, unread: Unread, *, taken_at: float) -> None:
        self.unread_bytes = 0
        self.taken_at = taken_at
        self._unread = unread

    def owe(self, size: int) -> None:
        self.unread_bytes = size
        self._unread.note(self)

    def close_now(self) -> None:
        self.owe(0)


def test_those_who_have_taken_nothing_for_longest_leave() -> None:
    unread = Unread(most_bytes=100, later=lambda call: call())
    readers = [Reader(unread, taken_at=number) for number in range(5)]
    for reader in reversed(readers):
        reader.owe(24)
    assert [reader.unread_bytes for reader in readers] == [0, 0, 24, 24, 24]
    readers[-1].owe(1000)
    assert [reader.unread_bytes for reader in readers] == [0, 0, 0, 0, 1000]
    readers[-1].owe(1100)
    assert readers[-1].unread_bytes == 1100
