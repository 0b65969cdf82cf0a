"""Clients that leave, or say that they have sent everything, at the worst moment."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.httpd.incoming import Head
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.httpd.waitress_server import AWAY_SECONDS
from cictl_server.serve import ServerKind

SECONDS = 60.0
_RESET = struct.pack("ii", 1, 0)


class Gated:
    """An application that answers `/gated` when `may_end` is set, all else at once. At `/watched` it asks if the client is still there."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/watched":
            environ["waitress.client_disconnected"]()
        if environ["PATH_INFO"] == "/gated":
            self.begun.set()
            self.may_end.wait(SECONDS)
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def gated() -> Gated:
    return Gated()


@pytest.fixture
def server(gated: Gated) -> Iterator[ThreadedServer]:
    """A server with one thread that takes no bodies, and a loop: granian has none."""
    threaded = ThreadedServer(gated, threads=1, admit=lambda _: 0, kind=ServerKind.WAITRESS)
    yield threaded
    gated.may_end.set()
    threaded.stop()


def connected(server: ThreadedServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def let_the_loop_turn(server: ThreadedServer) -> None:
    """Return when the thread of the loop, which refuses TLS itself, has looked at everything that came before."""
    for _ in range(3):
        with connected(server) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert connection.recv(1 << 12).startswith(b"HTTP/1.1 400 ")


def test_a_server_that_stood_still_reads_first_what_came_meanwhile() -> None:
    """As after SIGSTOP and SIGCONT: the limits of a client's time are over, but it has sent everything."""
    stands_still, may_go_on = threading.Event(), threading.Event()

    def admit(_: Head) -> int:
        """Stop the thread of the loop."""
        stands_still.set()
        may_go_on.wait(SECONDS)
        return 1

    server = ThreadedServer(
        Gated(), kind=ServerKind.WAITRESS, admit=admit, limits=ConnectionLimits(header_seconds=AWAY_SECONDS)
    )
    with connected(server) as connection, connected(server) as other:
        other.sendall(get("/", "Content-Length: 1") + b"x")
        assert stands_still.wait(SECONDS)
        connection.sendall(get("/"))
        may_go_on.wait(AWAY_SECONDS + 0.1)
        may_go_on.set()
        assert connection.recv(1 << 12).endswith(b"ok")
    server.stop()


def test_a_client_that_left_before_its_refusal_is_no_fault(
    gated: Gated, server: ThreadedServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connected(server)
    connection.sendall(get("/gated", "Content-Length: 5") + b"12345")
    assert gated.begun.wait(SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
    gated.may_end.set()
    server.stop()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_who_has_sent_everything_gets_the_answer_nevertheless(gated: Gated, server: ThreadedServer) -> None:
    """Also if an earlier request of the connection wanted to know whether its client is there, and all threads are busy."""
    with connected(server) as other, connected(server) as connection:
        connection.sendall(get("/watched"))
        assert connection.recv(1 << 12).endswith(b"ok")
        other.sendall(get("/gated"))
        assert gated.begun.wait(SECONDS)
        connection.sendall(get("/"))
        connection.shutdown(socket.SHUT_WR)
        let_the_loop_turn(server)
        gated.may_end.set()
        assert connection.recv(1 << 12).endswith(b"ok")
