"""The threads that answer requests begin when they are needed, and the next request of a connection follows its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.httpd.workers import Workers
from cictl_server.serve import ServerKind


class Step:
    """Work that goes on until `go` is set, and tells which thread did it."""

    def __init__(self, *, goes_on: bool = False) -> None:
        self.begun, self.go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.thread = ""
        self.is_cancelled = False
        if goes_on:
            self.go.set()

    def service(self) -> None:
        self.thread = threading.current_thread().name
        self.begun.set()
        self.go.wait(60)
        self.done.set()

    def cancel(self) -> None:
        self.is_cancelled = True


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.shutdown(seconds=60)


def test_one_thread_does_what_comes_one_after_the_other(workers: Workers) -> None:
    steps = [Step(goes_on=True) for _ in range(3)]
    for step in steps:
        workers.add_task(step)
        assert step.done.wait(60)
    assert {step.thread for step in steps} <= {"worker-0", "worker-1"}  # the first may not be free again in time
    assert steps[0].thread == "worker-0"


def test_what_finds_no_thread_is_done_by_the_first_that_is_free(workers: Workers) -> None:
    busy, late = [Step(), Step()], Step(goes_on=True)
    for step in (*busy, late):
        workers.add_task(step)
    assert all(step.begun.wait(60) for step in busy)
    assert not late.begun.is_set()
    busy[1].go.set()
    assert late.done.wait(60)
    assert late.thread == busy[1].thread
    busy[0].go.set()


def test_work_that_fails_takes_no_thread_along(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Step):
        def service(self) -> None:
            raise RuntimeError("broken")

    for _ in range(3):
        workers.add_task(Broken())
    after = Step(goes_on=True)
    workers.add_task(after)
    assert after.done.wait(60)
    workers.shutdown(seconds=60)
    assert caplog.text.count("RuntimeError: broken") == 3


def test_a_shutdown_ends_what_goes_on_and_gives_up_what_no_thread_has_begun() -> None:
    workers, busy, late = Workers(1), Step(), Step()
    workers.add_task(busy)
    workers.add_task(late)
    assert busy.begun.wait(60)
    workers.shutdown(seconds=0)
    assert late.is_cancelled
    assert not busy.is_cancelled
    busy.go.set()


def test_requests_that_come_together_on_one_connection_are_answered_in_their_order() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["PATH_INFO"].encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    server = ThreadedServer(app)
    request = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as client:
        client.sendall(b"".join(request % (number, b"close" if number == 5 else b"keep-alive") for number in range(6)))
        got = b"".join(iter(lambda: client.recv(1 << 16), b""))
    server.stop()
    assert [answer.rpartition(b"\r\n")[2] for answer in got.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"/%d" % number for number in range(6)
    ]


@pytest.mark.parametrize("size", [pytest.param(5, id="one piece"), pytest.param(1 << 17, id="more")])
def test_an_answer_has_the_same_header_whether_the_connection_stays_or_not(size: int) -> None:
    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("content-length", str(size)), ("x-some-thing", "a"), ("x-some-thing", "b")])
        return [b"x" * size]

    def asked(connection: str) -> list[bytes]:
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n".encode())
            got = b""
            while not got.endswith(b"\r\n\r\n" + b"x" * size):
                got += client.recv(1 << 16)
        head, _, body = got.partition(b"\r\n\r\n")
        assert body == b"x" * size
        return sorted(line for line in head.split(b"\r\n") if not line.startswith((b"Date:", b"Connection:")))

    server = ThreadedServer(app, kind=ServerKind.WAITRESS)  # whose header is made in two ways
    stays, ends = asked("keep-alive"), asked("close")
    server.stop()
    assert stays == ends
    assert b"X-Some-Thing: b" in stays
