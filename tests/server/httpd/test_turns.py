"""Answers of threads: pages wait for their turn, nothing waits for pages, and an answer without a body ends no connection."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl_server.app import SERVED, create_app
from cictl_server.http.access.hosts import OwnHosts
from cictl_server.http.access.origin import OriginRule
from cictl_server.http.router import Router
from cictl_server.httpd import waitress_server
from cictl_server.httpd.admission import Admission
from cictl_server.httpd.granian import server as granian_server
from cictl_server.httpd.turns import AT_ONCE, Turns
from cictl_server.serve import ServerKind

SECONDS = 60.0


class Pages:
    """An application whose pages are made as long as `may_end` is not set; everything else is answered at once."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def is_page(self, _method: str, path: str) -> bool:
        return path == "/page"

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/page":
            self.begun.release()
            self.may_end.wait(SECONDS)
        if environ["PATH_INFO"] == "/known":
            start("304 Not Modified", [("ETag", '"a"')])
            return []
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture(params=list(ServerKind))
def server(pages: Pages, request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    threaded = ThreadedServer(pages, threads=AT_ONCE + 2, is_page=pages.is_page, kind=request.param)
    yield threaded
    pages.may_end.set()
    threaded.stop()


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("/", True),
        ("/jobs/job-1", True),
        ("/jobs/job-1/log", True),
        ("/jobs/job-1/log.txt", False),
        ("/pipelines/1/run", False),  # it may ask a repository, and others would wait for that
        ("/static/1/face.js", False),
        ("/healthz", False),
        ("/api/v1/jobs", False),
        ("/nowhere", False),
    ],
)
def test_what_only_shows_something_waits(tmp_path: Path, path: str, *, waits: bool) -> None:
    running = RunningServer(tmp_path / "data")
    router = Router()
    create_app(running.services, router=router)
    admission = Admission(running.services, SERVED, router, origin_rule=OriginRule(OwnHosts()), archive_bytes=1)
    assert (admission.is_page("GET", path), admission.is_page("POST", path)) == (waits, False)
    running.close()


def status(server: ThreadedServer, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_crowd_of_pages_leaves_threads_to_others(pages: Pages, server: ThreadedServer) -> None:
    with ThreadPoolExecutor(3 * AT_ONCE) as viewers:
        looking = [viewers.submit(status, server, "/page") for _ in range(3 * AT_ONCE)]
        assert all(pages.begun.acquire(timeout=SECONDS) for _ in range(AT_ONCE))
        assert status(server, "/healthz") == 200
        assert not pages.begun.acquire(blocking=False)
        pages.may_end.set()
        assert [one.result(SECONDS) for one in looking] == [200] * len(looking)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts the pages that are answered, or have taken their place among those that wait."""
    counted = threading.Semaphore(0)
    take = Turns.take

    def taking(turns: Turns, page: Any) -> None:
        take(turns, page)
        counted.release()

    monkeypatch.setattr(Turns, "take", taking)
    return counted


def test_a_server_that_stops_answers_the_pages_that_wait(
    pages: Pages, server: ThreadedServer, taken: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (waitress_server, granian_server):
        monkeypatch.setattr(module, "GRACE_SECONDS", SECONDS)
    with ThreadPoolExecutor(2 * AT_ONCE) as viewers:
        looking = [viewers.submit(status, server, "/page") for _ in range(2 * AT_ONCE)]
        assert all(pages.begun.acquire(timeout=SECONDS) for _ in range(AT_ONCE))
        assert all(taken.acquire(timeout=SECONDS) for _ in range(2 * AT_ONCE))
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        pages.may_end.set()
        stopping.join(SECONDS)
        assert [one.result(SECONDS) for one in looking] == [200] * len(looking)


def test_a_connection_goes_on_after_an_answer_without_a_body(server: ThreadedServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.connect()
    first = connection.sock
    for path, status_code in (("/known", 304), ("/known", 304), ("/healthz", 200)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read(), connection.sock) == (
            status_code,
            b"ok" if status_code == 200 else b"",
            first,
        )
    connection.request("GET", "/known", headers={"Connection": "close"})
    assert connection.getresponse().headers["Connection"] == "close"
    connection.close()
