"""Slow, silent and strange clients on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.threads import ThreadedServer
from cictl_testing.servers.whole import running

from cictl_client import Client, Unreachable
from cictl_client.probe import Probe
from cictl_server.httpd.limits import ConnectionLimits
from cictl_server.serve import ServerKind

SECONDS = 60.0


@contextmanager
def serving(directory: Path, *, server: ServerKind | None = None, **limits: Any) -> Iterator[tuple[str, int]]:
    """Yield the address of a server with these limits, of one kind if only that one does what is tested."""
    kind = {} if server is None else {"server": server}
    with running(directory, connections=ConnectionLimits(**limits), **kind) as started:
        yield "127.0.0.1", int(started.url.rpartition(":")[2])


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=SECONDS) as connection:
        yield connection


def answer_to(address: tuple[str, int], request: bytes) -> str:
    """Send *request*, and return all that comes until the server closes the connection."""
    with connected(address) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the server has closed the connection without an answer; waits a moment for it."""
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_byte_renews_no_time(tmp_path: Path) -> None:
    with serving(tmp_path, header_seconds=1) as address, connected(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")

        def trickle() -> bool:
            try:
                connection.sendall(b"x")
            except ConnectionError:
                return True
            return is_closed(connection)

        eventually(trickle, what="the end of the slow sender")


def test_whoever_says_nothing_is_closed_too(tmp_path: Path) -> None:
    with serving(tmp_path, header_seconds=1) as address, connected(address) as connection:
        assert connection.recv(1) == b""


def test_whoever_asks_nothing_more_is_closed_in_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.WAITRESS, idle_seconds=1) as address, connected(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"".join(iter(lambda: connection.recv(1 << 12), b"")).startswith(b"HTTP/1.1 200")


def test_half_open_connections_lock_nobody_out(tmp_path: Path) -> None:
    with serving(tmp_path) as address, ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connected(address)).sendall(b"GET")
        with Client(f"http://127.0.0.1:{address[1]}", retries=0, timeout=SECONDS) as client:
            assert client.health().status == "ok"


def test_the_most_silent_of_a_peer_makes_room(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.WAITRESS, of_peer=3, header_seconds=600) as address, ExitStack() as stack:
        idle, half_open = (stack.enter_context(connected(address)) for _ in range(2))
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1 << 12).startswith(b"HTTP/1.1 200")
        others = [stack.enter_context(connected(address)) for _ in range(2)]
        eventually(lambda: is_closed(half_open), what="the end of the half-open connection")
        assert not any(map(is_closed, [idle, *others]))


def test_when_all_places_are_taken_the_most_silent_of_all_makes_room(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.WAITRESS, of_all=3, header_seconds=600) as address, ExitStack() as stack:
        half_open = stack.enter_context(socket.create_connection(address, SECONDS, source_address=("127.0.0.2", 0)))
        idle = stack.enter_context(connected(address))
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1 << 12).startswith(b"HTTP/1.1 200")
        others = [stack.enter_context(connected(address)) for _ in range(2)]
        eventually(lambda: is_closed(half_open), what="the end of the half-open connection")
        assert not any(map(is_closed, [idle, *others]))


def test_of_a_crowd_that_is_too_large_the_last_stay(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.WAITRESS, of_all=20, header_seconds=600) as address, ExitStack() as stack:
        crowd = [stack.enter_context(connected(address)) for _ in range(200)]
        eventually(lambda: all(map(is_closed, crowd[:180])), what="the end of those who came first")
        with Client(f"http://127.0.0.1:{address[1]}", retries=0, timeout=SECONDS) as client:
            assert client.health().status == "ok"
        assert not any(map(is_closed, crowd[-3:]))


def test_tls_is_refused_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.WAITRESS) as address:
        told = answer_to(address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert told.startswith("HTTP/1.1 400 Bad Request\r\n")
        assert told.endswith("this port speaks plain HTTP: begin the address with http://\n")
        url = f"https://127.0.0.1:{address[1]}"
        with (
            Client(url) as client,
            pytest.raises(Unreachable, match="it speaks no TLS: begin the address with http://"),
        ):
            client.health()
        with pytest.raises(Unreachable, match="it speaks no TLS"):
            Probe(url).health()


def test_a_fault_below_the_application_has_the_form_of_all_errors() -> None:
    def broken(_environ: object, _start: object) -> object:
        raise RuntimeError("secret detail")

    server = ThreadedServer(broken)
    try:
        told = answer_to(("127.0.0.1", server.port), b"GET / HTTP/1.0\r\n\r\n")
    finally:
        server.stop()
    assert told.startswith("HTTP/1.0 500 ")
    assert told.endswith("\r\n\r\na fault ended this answer; the log of the server has details\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param("GET /healthz HTTP/1.0\r\n\r\n", 200, id="probe-without-host"),
        pytest.param("GET /readyz HTTP/1.0\r\n\r\n", 200, id="readiness-without-host"),
        pytest.param("GET /api/v1/agents HTTP/1.0\r\n\r\n", 400, id="other-without-host"),
        pytest.param("GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, id="two-hosts"),
        pytest.param("GET /healthz HTTP/1.0\r\nHost: localhost:x\r\n\r\n", 400, id="bad-port"),
        pytest.param("GET /healthz HTTP/1.0\r\nHost: localhost:99999\r\n\r\n", 400, id="large-port"),
        pytest.param("GET /healthz HTTP/1.0\r\nHost: localhost/evil.example\r\n\r\n", 400, id="path-in-host"),
        pytest.param("GET /healthz HTTP/1.0\r\nHost: [\r\n\r\n", 400, id="half-an-address"),
        pytest.param(
            "POST /api/v1/heartbeat HTTP/1.0\r\nHost: localhost\r\nOrigin: http://[\r\n\r\n", 400, id="origin"
        ),
    ],
)
def test_strange_hosts_are_answered_without_a_fault(tmp_path: Path, request_: str, status: int) -> None:
    with serving(tmp_path) as address:
        assert answer_to(address, request_.encode()).startswith(f"HTTP/1.0 {status} ")
