"""Exchanges over kept connections, with servers that say what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from cictl_testing.ports import free_port
from cictl_testing.processes import DEADLINE_SECONDS

from cictl.base.web.exchange import Exchanges, Limits, NotConnected, Reply

LIMITS = Limits(connect=DEADLINE_SECONDS, read=DEADLINE_SECONDS)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Sayer:
    """A server that says the next of some bytes to each request, and notes the requests and on which connection each came.

    After bytes that say `close`, or end too early, it closes the connection.
    """

    def __init__(self, *says: bytes) -> None:
        self.requests: list[tuple[int, bytes]] = []
        self.closed = threading.Semaphore(0)
        self._says = list(says)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with closing(self._listener), socket.create_connection(self._listener.getsockname()):
            self._says.clear()
        self._thread.join()

    def _serve(self) -> None:
        number = 0
        while self._says:
            connection, _ = self._listener.accept()
            number += 1
            with connection, connection.makefile("rb") as file:
                while self._says and (request := _request(file.readline)):
                    self.requests.append((number, request))
                    said = self._says.pop(0)
                    connection.sendall(said)
                    if b"close" in said or b"early" in said:
                        break
            self.closed.release()


def _request(readline: Callable[[], bytes]) -> bytes:
    """Return the head of the next request; empty when the connection has ended."""
    lines = [readline()]
    while lines[-1] not in (b"\r\n", b""):
        lines.append(readline())
    return b"".join(lines)


@pytest.fixture
def sayer(request: pytest.FixtureRequest) -> Iterator[Sayer]:
    saying = Sayer(*request.param)
    yield saying
    saying.close()


def says(*answers: bytes) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sayer", [answers], indirect=True)


def post(exchanges: Exchanges, *, place: str = "/a", **headers: str) -> Reply:
    return exchanges.ask("POST", place, b"", headers=headers, limits=LIMITS)


@says(OK, OK)
def test_a_connection_is_used_again(sayer: Sayer) -> None:
    with closing(Exchanges(sayer.url, headers={"Accept": "a/b"})) as exchanges:
        assert post(exchanges, Kind="x") == post(exchanges) == (200, {"content-length": "2"}, b"{}")
    (first, request), (second, _) = sayer.requests
    assert first == second
    assert request.startswith(b"POST /a HTTP/1.1\r\n")
    assert {b"Accept: a/b", b"Kind: x", b"Content-Length: 0", b"Host: " + sayer.url[7:].encode()} <= {
        *request.split(b"\r\n")
    }


@says(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), OK, OK.replace(b"1.1", b"1.0"), OK)
def test_a_connection_that_the_server_closes_is_not(sayer: Sayer) -> None:
    with closing(Exchanges(sayer.url, headers={})) as exchanges:
        assert [post(exchanges).body for _ in range(4)] == [b"{}"] * 4
    assert [number for number, _ in sayer.requests] == [1, 2, 2, 3]


@says(OK + b"early", OK)
def test_a_connection_that_was_closed_while_idle_is_not_used(sayer: Sayer) -> None:
    with closing(Exchanges(sayer.url, headers={})) as exchanges:
        post(exchanges)
        assert sayer.closed.acquire(timeout=DEADLINE_SECONDS)
        assert post(exchanges).status == 200
    assert [number for number, _ in sayer.requests] == [1, 2]


CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nA;x=y\r\n012345678}\r\n0\r\nTrailer: t\r\n\r\n"
)


@pytest.mark.parametrize(
    ("sayer", "body", "headers"),
    [
        pytest.param((CHUNKS, OK), b"{012345678}", {"transfer-encoding": "chunked"}, id="chunks"),
        pytest.param((b"HTTP/1.1 204 \r\nA: b\r\nA:c\r\n\r\n", OK), b"", {"a": "b, c"}, id="no-body"),
        pytest.param((b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + OK, OK), b"{}", {"content-length": "2"}, id="interim"),
    ],
    indirect=["sayer"],
)
def test_answers_of_each_form_are_read_to_their_end(sayer: Sayer, body: bytes, headers: dict[str, str]) -> None:
    with closing(Exchanges(sayer.url, headers={})) as exchanges:
        first = post(exchanges)
        assert (first.body, first.headers) == (body, headers)
        assert post(exchanges).body == b"{}"
    assert [number for number, _ in sayer.requests] == [1, 1]


@says(b"HTTP/1.1 200 OK\r\nX: close\r\n\r\nall of it", OK)
def test_an_answer_without_a_length_ends_with_its_connection(sayer: Sayer) -> None:
    with closing(Exchanges(sayer.url, headers={})) as exchanges:
        assert post(exchanges).body == b"all of it"
        assert post(exchanges).body == b"{}"


@pytest.mark.parametrize(
    "sayer",
    [
        pytest.param((b"early",), id="no-http"),
        pytest.param((b"HTTP/1.1 200 OK\r\nearly",), id="in-its-headers"),
        pytest.param((b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nearly",), id="in-its-body"),
        pytest.param((CHUNKS[:-20] + b"early",), id="in-its-chunks"),
        pytest.param((CHUNKS.replace(b"A;", b"-A;") + b"early",), id="a-strange-chunk"),
        pytest.param((b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 999 + b"\r\nearly",), id="headers-without-end"),
    ],
    indirect=True,
)
def test_an_answer_that_breaks_off_is_none(sayer: Sayer) -> None:
    with closing(Exchanges(sayer.url, headers={})) as exchanges, pytest.raises(ConnectionError, match=r"broken|reset"):
        post(exchanges)
    assert len(sayer.requests) == 1


@says(OK)
def test_what_no_request_can_carry(sayer: Sayer) -> None:
    with closing(Exchanges(f"{sayer.url}/base/", headers={})) as exchanges:
        with pytest.raises(ValueError, match="line break"):
            post(exchanges, Evil="a\r\nX-More: 1")
        post(exchanges, place="/a b%20c\r\nd?e=f&g=%26")
    assert sayer.requests[0][1].startswith(b"POST /base/a%20b%20c%0D%0Ad?e=f&g=%26 HTTP/1.1\r\n")


def test_a_refused_connection_is_told_from_a_broken_one() -> None:
    with (
        closing(Exchanges(f"http://127.0.0.1:{free_port()}", headers={})) as exchanges,
        pytest.raises(NotConnected, match="refused"),
    ):
        post(exchanges)
