"""Requests that nobody should send, as bytes on a real socket: each gets a well-formed answer that is no fault.

What granian makes of them is in `test_granian.py`.
"""

from __future__ import annotations

import io
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waitress.adjustments import Adjustments

from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl_server.httpd.malformed import Parser
from cictl_server.serve import ServerKind
from tests.server.httpd.test_connections import answer_to, connected, serving

Address = tuple[str, int]

HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) [ -~]+\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*\r\n)*)\r\n")
AFTER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
JOB = b"job-1772366400001000001"
"""What the clock of the tests makes of the first job."""
LONG = b"9" * 5000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A server with a job that has the artifact `a`."""
    directory: Path = tmp_path_factory.mktemp("malformed")
    prepared = RunningServer(directory, kind="tiny")
    prepared.enqueue()
    prepared.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    job = prepared.running()
    upload = ArtifactUpload(agent_id="a", artifacts=[ArtifactData(path="a", data_base64="eA==")])
    assert prepared.post(f"/api/v1/jobs/{job.id}/artifacts", upload).status_code == 200
    assert job.id.encode() == JOB
    prepared.close()
    with serving(directory, server=ServerKind.WAITRESS) as address:
        yield address


@pytest.fixture(autouse=True)
def faults(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """The faults in the log; there must be none when a test ends."""
    yield caplog.records
    assert not [record.getMessage() for record in caplog.records if is_fault(record)]


def is_fault(record: logging.LogRecord) -> bool:
    return bool(record.exc_info) or record.levelno >= logging.ERROR


def statuses(answers: bytes, *, is_head: bool = False) -> list[int]:
    """Return the statuses of *answers*, each of which must be well-formed and marked.

    Args:
        is_head: The first one is to a HEAD request, and has no body.
    """
    found = []
    left = io.BytesIO(answers)
    while start := HEAD.match(answers, left.tell()):
        left.seek(start.end())
        if start[1] == b"100":
            continue
        found.append(int(start[1]))
        headers = dict(line.split(b": ", 1) for line in start[2].splitlines())
        assert headers[b"Cictl-Server"]
        assert re.fullmatch(rb"[0-9a-f]{16}", headers[b"X-Request-Id"])
        if found[-1] >= 400:
            assert headers[b"Content-Type"] in (b"text/plain; charset=utf-8", b"application/problem+json")
        skip_body(left, headers, is_bodyless=(is_head and len(found) == 1) or found[-1] == 304)
    assert not left.read()
    return found


def skip_body(answers: io.BytesIO, headers: dict[bytes, bytes], *, is_bodyless: bool) -> None:
    if is_bodyless:
        return
    if headers.get(b"Transfer-Encoding") == b"chunked":
        while size := int(answers.readline(), 16):
            assert len(answers.read(size + 2)) == size + 2
        assert answers.readline() == b"\r\n"
        return
    if b"Content-Length" not in headers:  # as in HTTP/1.0: to the end of the connection
        assert headers[b"Connection"] == b"close"
        answers.read()
        return
    length = int(headers[b"Content-Length"])
    assert len(answers.read(length)) == length


def ask(address: Address, request: bytes) -> bytes:
    """Send *request* and return all answers until the server closes the connection."""
    with connected(address) as connection:
        connection.sendall(request)
        try:
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))
        except ConnectionResetError:
            pytest.fail("the connection was reset")


def get(*headers: bytes, target: bytes = b"/healthz", method: bytes = b"GET") -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", *headers, b"Connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        pytest.param(get(b"Content-Length: " + LONG), 400, "Content-Length", id="content-length-of-digits"),
        pytest.param(get(b"Content-Length: -1"), 400, "Content-Length is invalid", id="negative-length"),
        pytest.param(get(b"Content-Length: 1", b"Content-Length: 2"), 400, "Content-Length is", id="two-lengths"),
        pytest.param(
            get(b"Expect: 100-continue", b"Content-Length: x"), 400, "Content-Length is", id="expect-nonsense"
        ),
        pytest.param(get(b"Expect: 100-continue"), 200, "ok", id="expect-without-a-body"),
        pytest.param(get(target=b"http://["), 400, "address", id="half-an-address"),
        pytest.param(get(target=b"/\xff"), 400, "malformed request", id="bytes"),
        pytest.param(get(target=b"/%zz%ff%00"), 404, "404 page not found", id="percent"),
        pytest.param(get(b"X: " + b"x" * (1 << 18)), 431, "header of the request is larger", id="long-header"),
        pytest.param(get(b"Transfer-Encoding: gzip"), 501, "Transfer-Encoding", id="transfer-encoding"),
        pytest.param(get(b"Transfer-Encoding: chunked") + b"zz\r\n", 400, "chunk", id="chunk"),
        pytest.param(get(b"Transfer-Encoding: chunked") + b"5;" + b"x" * 5000, 400, "line of a chunk", id="chunk-line"),
        pytest.param(get(b"Transfer-Encoding: chunked") + b"0\r\n" + b"x" * 20_000, 400, "trailer", id="trailer"),
        pytest.param(
            get(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
            400,
            "beside",
            id="two-kinds-of-length",
        ),
        pytest.param(
            b"GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
            400,
            "needs HTTP/1.1",
            id="chunks-of-old",
        ),
        pytest.param(get(b"no colon"), 400, "Invalid header", id="no-colon"),
        pytest.param(get(b"Host: evil.example"), 400, "Host must name one host", id="two-hosts"),
        pytest.param(
            get(b"Range: bytes=" + LONG + b"-", target=b"/artifacts/" + JOB + b"/a"), 400, "Range must", id="range"
        ),
        pytest.param(b"\x00\xff\r\n\r\n", 400, "Start line is invalid", id="noise"),
    ],
)
def test_what_is_no_request_is_told_so(address: Address, request_: bytes, status: int, text: str) -> None:
    answer = ask(address, request_)
    assert statuses(answer) == [status]
    assert text in answer.decode()
    assert b"waitress" not in answer
    assert b"generated by" not in answer


@pytest.mark.parametrize("noise", [b"\x00\xff\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n", b"GET\r\n\r\n"])
def test_the_log_can_name_what_is_no_request(noise: bytes) -> None:
    """waitress does so when the client leaves before it is told."""
    request = Parser(Adjustments())
    request.received(noise)
    assert (request.completed, request.path) == (True, "")


@pytest.mark.parametrize("zone", [b"+99999999999999999999", b"+9999", b"x" * 99])
def test_a_date_that_is_none_counts_as_not_sent(address: Address, zone: bytes) -> None:
    since = b"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 " + zone
    assert statuses(ask(address, get(since, target=b"/artifacts/" + JOB + b"/a"))) == [200]


def test_a_header_line_that_is_refused_is_not_shown(address: Address) -> None:
    answer = ask(address, b"GET /healthz HTTP/1.1\r\n Authorization: Bearer s3cret\r\n\r\n")
    assert statuses(answer) == [400]
    assert b"s3cret" not in answer


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(b"Content-Length: x", 400, id="length"),
        pytest.param(b"no colon", 400, id="no-colon"),
        pytest.param(b"bare\nnewline", 400, id="newline"),
        pytest.param(b"X: " + b"x" * (1 << 18), 431, id="long-header"),
    ],
)
def test_a_refused_head_request_has_no_body(address: Address, header: bytes, status: int) -> None:
    assert statuses(ask(address, get(header, method=b"HEAD")), is_head=True) == [status]


def test_a_connection_goes_on_after_a_refusal(address: Address) -> None:
    refused = b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    assert statuses(ask(address, refused + AFTER)) == [421, 200]


def test_tls_gets_a_marked_answer(address: Address) -> None:
    assert statuses(answer_to(address, b"\x16\x03\x01\x02\x00\x01").encode()) == [400]


ODD = [
    b"",
    b",",
    b"[",
    b"http://[",
    b"a:b",
    b"*",
    b'"',
    b"W/",
    b"bytes=0-",
    b"bytes=" + LONG + b"-",
    LONG,
    b"-1",
    b"\xff",
    b"\t",
    b"Sun",
]
NAMES = [
    b"Accept", b"Host", b"Origin", b"Sec-Fetch-Site", b"Range", b"If-Range", b"If-None-Match", b"If-Modified-Since", b"Expect",
    b"Idempotency-Key", b"Last-Event-ID", b"Prefer", b"X-CIWI-Agent-ID", b"Authorization", b"Content-Type", b"Cookie", b"Forwarded",
]  # fmt: skip
TARGETS = [
    b"/healthz", b"/api/v1/jobs", b"/artifacts/" + JOB + b"/a", b"/api/v1/jobs/" + JOB + b"/artifacts/download-all", b"/api/v1/jobs/" + JOB + b"/log",
    b"/api/v1/jobs/" + JOB + b"/artifacts/upload-zip", b"/api/v1/heartbeat", b"/api/v1/agents/a/actions", b"/api/v1/projects/1/icon",
]  # fmt: skip
LENGTHS = [b"0", b"2", b"00002", b"+2", b"-1", b"2, 2", b"x", LONG, b"\xb2"]
"""None asks for more than the body has: the server would wait for it."""

values = st.sampled_from(ODD) | st.binary(max_size=40).map(lambda text: re.sub(rb"[\r\n]", b"", text))
targets = st.sampled_from(TARGETS) | st.binary(max_size=20).map(lambda text: b"/" + text) | st.sampled_from(ODD)
queries = st.just(b"") | st.binary(max_size=20).map(lambda text: b"?" + text) | st.just(b"?limit=" + LONG)
headers = st.lists(st.tuples(st.sampled_from(NAMES) | st.binary(max_size=5), values).map(b": ".join), max_size=4)


@given(
    method=st.sampled_from([b"GET", b"HEAD", b"POST", b"DELETE", b"FROB", b"get", b""]),
    target=st.tuples(targets, queries).map(b"".join),
    version=st.sampled_from([b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b"", b" "]),
    host=st.sampled_from([b"localhost", b"127.0.0.1:1"]) | values,
    headers=headers,
    length=st.none() | st.sampled_from(LENGTHS),
)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_a_fault(
    address: Address,
    faults: list[logging.LogRecord],
    method: bytes,
    target: bytes,
    version: bytes,
    host: bytes,
    headers: list[bytes],
    length: bytes | None,
) -> None:
    """What follows is a request like any other: where the connection stays open, it is answered."""
    lines = [method + b" " + target + version, b"Host: " + host, *headers]
    if length is not None:
        lines.append(b"Content-Length: " + length)
    request = b"\r\n".join(lines) + b"\r\n\r\n" + (b"{}" if length else b"")
    answers = ask(address, request + AFTER)
    assert all(200 <= status < 500 for status in statuses(answers, is_head=method == b"HEAD"))
    assert answers
    assert not [record.getMessage() for record in faults if is_fault(record)]


def test_the_server_lives_on(address: Address) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(AFTER)
        assert connection.recv(1 << 12).startswith(b"HTTP/1.1 200 ")
