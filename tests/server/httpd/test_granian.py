"""The whole server behind granian: what only it does, and the parts of granian that are used. The suites of servers run on it too."""

from __future__ import annotations

import inspect
import io
import logging
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from cictl_testing.certificates import Authority
from cictl_testing.files import zipped
from cictl_testing.processes import eventually
from cictl_testing.servers.whole import running

from cictl.wire.agents import HeartbeatRequest, LeaseRequest, StatusRequest
from cictl.wire.events import EventKind
from cictl.wire.projects import RunRequest
from cictl_client import Client, TooLarge
from cictl_server.errors import InvalidRequest
from cictl_server.httpd.granian.server import GranianHttpd, Tls
from cictl_server.httpd.proxies import TrustedProxies
from cictl_server.httpd.workers import Workers
from cictl_server.serve import Server, ServerConfig, ServerKind
from cictl_server.signals.waits import PARKING, Awaited, Parking
from tests.server.about.test_serve import define
from tests.server.httpd.test_connections import SECONDS, connected, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, server=ServerKind.GRANIAN) as started:
        yield started


def ask(server: Server, request: bytes) -> bytes:
    """Send *request*, and return all that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60) as connection:
        # granian reads no further once it has refused a request, so what has not come by then ends in a reset.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):
            while block := connection.recv(1 << 16):
                answer += block
        return answer


def cut_off(server: Server, request: bytes) -> None:
    """Send *request*, say that nothing follows, and wait until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass


def test_a_lease_waits_and_gets_the_job(server: Server) -> None:
    answers = []
    pipeline = define(server)

    def lease() -> None:
        with Client(server.url) as agent:
            answers.append(agent.lease(LeaseRequest(agent_id="a", wait_seconds=25)))

    waiting = threading.Thread(target=lease)
    waiting.start()
    eventually(lambda: server.services.core.waiting_leases.waiting, what="the agent to wait")
    with Client(server.url) as client:
        [job_id] = client.run_pipeline(pipeline, RunRequest()).job_execution_ids
        waiting.join(60)
        job = answers[0].job_execution
        assert job is not None
        assert job.id == job_id
        packed = io.BytesIO(zipped({"big": b"x" * 3_000_000}))
        client.report_status(job_id, StatusRequest(agent_id="a", status="running"))
        client.upload_artifacts_zip(job_id, "a", packed)
        [artifact] = client.list_artifacts(job_id)
        assert client.download_artifact(artifact, io.BytesIO()) == 3_000_000


def test_a_stream_is_told_what_happens_and_ends_with_the_server(tmp_path: Path) -> None:
    with (
        running(tmp_path, server=ServerKind.GRANIAN) as server,
        requests.get(f"{server.url}/api/v1/events", stream=True, timeout=60) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == b": events"
        server.services.core.events.add(EventKind.AGENT, "a")
        assert b"event: agent" in (next(lines), next(lines))
        server.stop()
        assert b'data: {"agent_id":"a"}' in list(lines)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"\x00\xff\r\n\r\n", 400, id="noise"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", 400, id="tls"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, id="lengths"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * (1 << 18) + b"\r\n\r\n", 431, id="long-header"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX_Y: 1\r\nConnection: close\r\n\r\n", 200, id="odd"),
    ],
)
def test_what_is_no_request_is_refused_without_a_fault(
    server: Server, caplog: pytest.LogCaptureFixture, request_: bytes, status: int
) -> None:
    """granian answers by itself, without a text and without the marks of a server."""
    assert ask(server, request_).startswith(b"HTTP/1.1 %d " % status)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_body_of_bad_chunks_is_told_so(server: Server) -> None:
    head = b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = ask(server, head + b"zz\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"malformed request: its body is not whole\n")


def test_other_versions_of_granian_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is used of it is private, so another one could break it unseen."""
    parts = pytest.importorskip("granian._granian")
    monkeypatch.setattr(parts, "__version__", "2.9.0")
    with pytest.raises(InvalidRequest, match=r"granian 2\.9\.0 is none of 2\.8\.x"):
        Server(ServerConfig(data_dir=tmp_path / "data", port=0, server=ServerKind.GRANIAN))


def test_it_is_usual_where_it_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pytest.importorskip("granian._granian")
    assert ServerKind.usual() is ServerKind.GRANIAN
    monkeypatch.setattr(parts, "__version__", "2.9.0")
    assert ServerKind.usual() is ServerKind.WAITRESS


def test_without_it_waitress_is_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `pip install cictl` without the extra."""
    monkeypatch.delitem(sys.modules, "granian._granian", raising=False)
    monkeypatch.delitem(sys.modules, "granian", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert ServerKind.usual() is ServerKind.WAITRESS
    with pytest.raises(InvalidRequest, match="granian is not installed"):
        Server(ServerConfig(data_dir=tmp_path / "data", port=0, server=ServerKind.GRANIAN))


def test_the_private_parts_that_are_used_are_there() -> None:
    parts = pytest.importorskip("granian._granian")
    worker = list(inspect.signature(parts.ASGIWorker).parameters)
    assert list(inspect.signature(parts.CallbackScheduler).parameters) == [
        "event_loop", "cb", "aio_task", "aio_tenter", "aio_texit",
    ]  # fmt: skip
    assert list(inspect.signature(parts.SocketHolder).parameters) == ["fd", "uds", "backlog"]
    assert {"sock", "py_threads", "backpressure", "http1_opts", "ssl_cert", "ssl_key", "metrics"} <= set(worker)
    assert parts.ASGIWorker.serve_str
    assert parts.CallbackScheduler._schedule_fn
    assert {"set", "add_cb"} <= set(dir(parts.WorkerSignal))


def test_a_body_that_is_too_large_is_refused_as_everywhere(server: Server) -> None:
    with Client(server.url) as client, pytest.raises(TooLarge, match="the body is larger than 262144 bytes"):
        client.heartbeat(
            HeartbeatRequest(agent_id="a", hostname="h", os="linux", arch="amd64", capabilities={"x": "y" * 300_000})
        )


def test_a_body_that_ends_early_is_no_request(server: Server) -> None:
    request = b'POST /api/v1/heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n{"agent_id": "a"}'
    cut_off(server, request)
    with Client(server.url) as client:
        assert client.list_agents() == []


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        pytest.param([], "127.0.0.1 http None", id="nobody"),
        pytest.param(["127.0.0.1"], "192.0.2.7 https None", id="us"),
    ],
)
def test_only_trusted_proxies_say_for_whom_they_ask(trusted: list[str], expected: str) -> None:
    def tell(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        told = (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_FOR"))
        return [" ".join(map(str, told)).encode()]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        httpd = GranianHttpd(tell, listener, threads=2, admit=lambda _: 0, proxies=TrustedProxies(trusted))
        thread = threading.Thread(target=httpd.run)
        thread.start()
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        answer = requests.get(url, headers=headers, timeout=60)
        httpd.stop()
        thread.join()
    assert answer.text == expected


class SlowToGoOn:
    """An answer that is put aside at first, and then goes on until somebody lets it end."""

    def __init__(self, parking: Parking) -> None:
        self.closed_in: list[str] = []
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self._parking = parking
        self._goes = iter((self._put_aside, self._go_on))

    def __iter__(self) -> Iterator[bytes]:
        next(self._goes)()
        return iter(())

    def close(self) -> None:
        self.closed_in.append(threading.current_thread().name)

    def _put_aside(self) -> None:
        self._parking.park(self, Awaited(watch=None, seconds=0))

    def _go_on(self) -> None:
        self.has_begun.set()
        self.may_end.wait(60)


def test_an_answer_that_goes_on_as_the_server_stops_is_ended_by_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client has left, so granian has no connection to wait for."""
    answers = []

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> SlowToGoOn:
        start_response("200 OK", [])
        answers.append(SlowToGoOn(environ[PARKING]))
        return answers[0]

    shutdown = Workers.shutdown

    def let_it_end(workers: Workers, *, seconds: float) -> None:
        answers[0].may_end.set()
        shutdown(workers, seconds=seconds)

    monkeypatch.setattr(Workers, "shutdown", let_it_end)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        httpd = GranianHttpd(answer, listener, threads=2, admit=lambda _: 0)
        thread = threading.Thread(target=httpd.run, name="server")
        thread.start()
        with connected(address) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            eventually(lambda: answers and answers[0].has_begun.is_set(), what="the answer to go on")
        httpd.stop()
        thread.join()
    [closed_in] = answers[0].closed_in
    assert closed_in.startswith("worker-")


def has_ended(connection: socket.socket) -> bool:
    """Tell whether the server has closed the connection by now."""
    ready, _, _ = select.select([connection], [], [], 0)
    return bool(ready) and connection.recv(1) == b""


def ask_for_work(connection: socket.socket) -> None:
    body = b'{"agent_id":"a","wait_seconds":25}'
    head = b"POST /api/v1/agent/lease HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)


def test_of_a_crowd_from_one_address_only_those_stay_who_ask(tmp_path: Path) -> None:
    with serving(tmp_path, server=ServerKind.GRANIAN, of_peer=20, header_seconds=600) as address, ExitStack() as stack:
        asking = stack.enter_context(connected(address))
        ask_for_work(asking)
        crowd = [stack.enter_context(connected(address)) for _ in range(60)]
        eventually(lambda: sum(map(has_ended, crowd)) == 41, what="the end of those that are too many")
        assert not has_ended(asking)


def test_a_crowd_locks_nobody_out(tmp_path: Path) -> None:
    """They hold all places, and each would keep its own for as long as a header may take."""
    with serving(tmp_path, server=ServerKind.GRANIAN, of_all=40, header_seconds=600) as address, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connected(address)).sendall(b"GET")
        with Client(f"http://127.0.0.1:{address[1]}", retries=0, timeout=SECONDS) as client:
            assert client.health().status == "ok"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def tls(authority: Authority) -> Tls:
    issued = authority.issue("server")
    return Tls(certificate=issued.cert, key=issued.key)


def test_it_serves_tls_alone(tmp_path: Path, authority: Authority, tls: Tls) -> None:
    with running(tmp_path / "data", server=ServerKind.GRANIAN, tls=tls) as server:
        assert server.url.startswith("https://")
        answer = requests.get(f"{server.url}/healthz", verify=str(authority.ca), timeout=60)
        assert (answer.status_code, answer.headers["cictl-server"]) == (200, server.instance_id)
        with pytest.raises(requests.ConnectionError):
            requests.get(server.url.replace("https", "http") + "/healthz", timeout=60)


def test_tls_without_granian_is_refused(tmp_path: Path, tls: Tls) -> None:
    with pytest.raises(InvalidRequest, match="only granian serves TLS"):
        Server(ServerConfig(data_dir=tmp_path / "data", port=0, tls=tls))


def test_a_key_of_another_certificate_is_refused_at_the_start(tmp_path: Path, tls: Tls) -> None:
    tls.key.write_text("no key")
    with pytest.raises(InvalidRequest, match="can't be used"):
        Server(ServerConfig(data_dir=tmp_path / "data", port=0, server=ServerKind.GRANIAN, tls=tls))
