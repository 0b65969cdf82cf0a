"""Bodies that should cost nothing, sent to a real server process by somebody without any rights."""

from __future__ import annotations

import http.client
import io
import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cictl_testing.files import zipped
from cictl_testing.pressure import MIB, Calm
from cictl_testing.processes import Workplace, eventually

from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import JobExecution
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl_client import Client

pytestmark = pytest.mark.xdist_group("a server of test_bodies")

LISTS = b"[],"
HALF_A_CHARACTER = rb'"\ud800"'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    workplace = Workplace(tmp_path_factory.mktemp("place"))
    yield workplace
    workplace.close()


@pytest.fixture(scope="module")
def job(place: Workplace) -> JobExecution:
    return place.held_job()


def post(place: Workplace, path: str, body: bytes, **headers: str) -> int:
    """Send *body*, and return the status of the answer, also if it comes before the body was taken."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc, timeout=120)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", path, body, named)
        except (BrokenPipeError, ConnectionResetError):
            assert connection.sock is not None  # the answer is there all the same
        return connection.getresponse().status
    finally:
        connection.close()


def lists(size: int, *, end: bytes = HALF_A_CHARACTER) -> bytes:
    """Return JSON of about *size* bytes that takes sixty times as much, decoded."""
    return b"[" + LISTS * (size // len(LISTS)) + end + b"]"


def unknown_lists() -> bytes:
    """Return a report of somebody else, with lists under a key that reports do not have."""
    return b'{"agent_id":"x","y":' + lists(60 * MIB, end=b"1") + b"}"


def ten_million_tests() -> bytes:
    return b'{"agent_id":"a","report":{"suites":[{"cases":[' + b"{}," * (10 * MIB) + b"{}]}]}}"


@pytest.mark.parametrize(
    ("path", "make", "status"),
    [
        pytest.param("/api/v1/heartbeat", partial(lists, 8 * MIB - 100), 413, id="heartbeat"),
        pytest.param("/api/v1/heartbeat", partial(lists, 200 << 10), 400, id="heartbeat-of-allowed-size"),
        pytest.param("/api/v1/jobs/job-1/artifacts", partial(lists, 64 * MIB - 100), 404, id="no-such-job"),
        pytest.param("/api/v1/jobs/{job}/artifacts", partial(lists, 64 * MIB - 100), 400, id="artifacts"),
        pytest.param("/api/v1/jobs/{job}/tests", unknown_lists, 409, id="not-held"),
        pytest.param("/api/v1/jobs/{job}/status", partial(lists, 4 * MIB - 100), 400, id="status"),
        pytest.param("/api/v1/jobs/{job}/tests", ten_million_tests, 400, id="ten-million-tests-of-the-holder"),
    ],
)
def test_dense_json_is_refused_cheaply(
    place: Workplace, job: JobExecution, path: str, make: Callable[[], bytes], status: int
) -> None:
    body = make()
    calm, count = Calm.of(place), 1 if len(body) > 8 * MIB else 8
    statuses: set[int] = set()

    def attack() -> None:
        with ThreadPoolExecutor(count) as pool:
            statuses.update(pool.map(lambda _: post(place, path.format(job=job.id), body), range(count)))

    assert calm.is_undisturbed(attack)
    assert statuses == {status}


@pytest.mark.parametrize(
    ("request_", "headers", "status"),
    [
        pytest.param("POST /nowhere", "", 404, id="unknown-route"),
        pytest.param("PUT /api/v1/heartbeat", "", 405, id="wrong-method"),
        pytest.param("POST /healthz", "", 405, id="nothing-to-post"),
        pytest.param("POST /api/v1/heartbeat", "", 413, id="too-large"),
        pytest.param("POST //api/v1/heartbeat", "", 413, id="slashes"),
        pytest.param("POST /api/v1/jobs/job-1/artifacts/upload-zip", "", 404, id="no-such-job"),
        pytest.param("POST /api/v1/jobs/{job}/artifacts/upload-zip", "X-CIWI-Agent-ID: x\r\n", 409, id="not-held"),
        pytest.param("POST /api/v1/jobs/{job}/artifacts/upload-zip", "Sec-Fetch-Site: cross-site\r\n", 403, id="page"),
        pytest.param(
            "POST /api/v1/jobs/{job}/artifacts/upload-zip", "Origin: http://evil.example\r\n", 403, id="origin"
        ),
    ],
)
@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"], ids=["at-once", "after-verdict"])
def test_the_verdict_comes_before_the_body(
    place: Workplace, job: JobExecution, request_: str, headers: str, status: int, expect: str
) -> None:
    """Four gigabytes are announced and none is sent: the answer comes all the same, and the connection is closed."""
    head = f"{request_.format(job=job.id)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {4 << 30}\r\n{headers}{expect}\r\n"
    answer = exchange(place, head.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nconnection: close\r\n" in answer.lower()


def test_a_foreign_host_is_refused_before_the_body(place: Workplace) -> None:
    head = b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n"
    assert exchange(place, head).startswith(("HTTP/1.1 403 ", "HTTP/1.1 421 "))


def test_whoever_may_send_is_told_to_go_on(place: Workplace) -> None:
    body = b'{"agent_id":"a"}'
    head = b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
    with connected(place) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(1 << 12) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(1 << 12).startswith(b"HTTP/1.1 200 ")


def test_a_body_of_unknown_length_is_stopped_at_the_limit(place: Workplace) -> None:
    """Pieces come without end. The server keeps none of what is above the limit, and closes."""
    before = spooled(place)
    with connected(place) as connection:
        connection.sendall(b"POST /api/v1/heartbeat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
        sent = 0
        with suppress(ConnectionError):
            while sent < 256 * MIB:
                connection.sendall(piece)
                sent += len(piece)
        answer = connection.recv(1 << 16)
    assert sent < 256 * MIB
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"the body is larger than 262144 bytes\n")
    assert spooled(place) - before < MIB


def test_what_agents_send_fits(place: Workplace, job: JobExecution) -> None:
    """A whole piece of a log that takes six bytes for each when escaped, and files of 40 MB in base64."""
    with Client(place.url) as client:
        log = "\x01" * (512 << 10)
        client.report_status(job.id, StatusRequest(agent_id="a", status="running", output=log))
        files = [ArtifactData(path=f"{number}.bin", data_base64="QUJD" * (10 * MIB // 4)) for number in range(4)]
        client.upload_artifacts_json(job.id, ArtifactUpload(agent_id="a", artifacts=files))
        assert len(client.list_artifacts(job.id)) == 4


def test_a_large_zip_goes_where_it_stays_and_half_a_one_leaves_nothing(place: Workplace, job: JobExecution) -> None:
    noise = os.urandom(3 * MIB)
    body = zipped({"noise": noise})
    head = f"POST /api/v1/jobs/{job.id}/artifacts/upload-zip HTTP/1.1\r\nHost: localhost\r\nX-CIWI-Agent-ID: a\r\n"
    with connected(place) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: 2 * MIB])
        eventually(lambda: size_of_parts(place) > MIB, what="half of the file")
        assert spooled(place) < MIB
    eventually(lambda: size_of_parts(place) == 0, what="the end of the file")
    with Client(place.url) as client:
        [kept] = client.upload_artifacts_zip(job.id, "a", io.BytesIO(body))
        sink = io.BytesIO()
        client.download_artifact(kept, sink)
    assert (sink.getvalue(), size_of_parts(place)) == (noise, 0)


def test_files_come_whole_and_in_part(place: Workplace, job: JobExecution) -> None:
    files = {"noise": os.urandom(3 * MIB), "text": b"a line\n" * MIB, "small": b"1"}
    with Client(place.url) as client:
        kept = client.upload_artifacts_zip(job.id, "a", io.BytesIO(zipped(files)))
        sink = io.BytesIO()
        client.download_all(job.id, sink)
    with zipfile.ZipFile(sink) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc, timeout=60)
    for artifact in kept * 2:  # on one connection
        connection.request("GET", artifact.url, headers={"Range": "bytes=1-2500000"})
        answer = connection.getresponse()
        assert answer.read() == (files[artifact.path][1:2_500_001] if artifact.path != "small" else b"")
    connection.close()


@contextmanager
def connected(place: Workplace) -> Iterator[socket.socket]:
    address = urlsplit(place.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        yield connection


def exchange(place: Workplace, request: bytes) -> str:
    """Send *request*, and return all that comes until the server closes the connection."""
    with connected(place) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()


def size_of_parts(place: Workplace) -> int:
    """Return how many bytes have come of files that belong to no upload yet."""
    return sum(part.stat().st_size for part in (place.data / "artifacts").glob("upload-*"))


def spooled(place: Workplace) -> int:
    """Return how many bytes the temporary files of the server hold, which have no names."""
    held = 0
    for entry in Path(f"/proc/{place.server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held += entry.stat().st_size if "(deleted)" in str(entry.readlink()) else 0
    return held
