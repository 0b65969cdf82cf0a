from __future__ import annotations

import random
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
import pytest
from cictl_testing.processes import DEADLINE_SECONDS
from cictl_testing.servers.answers import AnsweringServer, Reply, Seen, drop, problem, refusal, reply

from cictl.wire.jobs import JobExecution, JobResponse, JobState, JobStatus
from cictl.wire.problems import Code
from cictl_client import (
    Client,
    ForeignAnswer,
    LogChunk,
    NoCapacity,
    NotFound,
    ServerError,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)

LOG = "GET /api/v1/jobs/job-1/log"
JOB = "GET /api/v1/jobs/job-1"
KEEPALIVE = b": keepalive\n\n"


def log_event(offset: int, data: bytes) -> bytes:
    fields = {"offset": offset, "data_base64": b64encode(data).decode()}
    return b"event: log\nid: %d\ndata: %s\n\n" % (offset + len(data), msgspec.json.encode(fields))


def end_event(size: int, *, error: str = "") -> bytes:
    state = JobState(id="job-1", status=JobStatus.FAILED, log_size=size, error=error)
    return b"event: end\ndata: " + msgspec.json.encode(state) + b"\n\n"


def events(*parts: bytes | Callable[[], object]) -> Reply:
    """Answer with an event stream; an empty part makes it go out in chunks."""
    return Reply((b"", *parts), kind="text/event-stream")


def execution(status: JobStatus, output: str) -> Reply:
    job = JobExecution(
        id="job-1",
        script="make",
        required_capabilities=None,
        timeout_seconds=0,
        status=status,
        created_utc=datetime(2026, 3, 1, tzinfo=UTC),
        output=output,
    )
    return reply(JobResponse(job_execution=job))


def text_of(chunks: Iterator[LogChunk], *, offset: int = 0) -> bytes:
    """Return the whole text, having checked that each chunk goes on where the last one ended."""
    data = b""
    for chunk in chunks:
        assert chunk.offset == offset + len(data)
        assert chunk.data
        data += chunk.data
    return data


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cictl_client.follow.logs._POLL_SECONDS", 0.01)


def test_log_is_yielded_until_the_end(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(KEEPALIVE, log_event(0, b"one\n"), KEEPALIVE, log_event(4, b"\x00\xff"), end_event(6)))
    assert list(client.follow_log("job-1")) == [
        LogChunk(data=b"one\n", offset=0, size=4, complete=False),
        LogChunk(data=b"\x00\xff", offset=4, size=6, complete=False),
    ]
    assert server.seen[0].query == {"follow": "1", "offset": "0"}


def test_log_is_exact_through_three_drops(client: Client, server: AnsweringServer) -> None:
    """Each connection begins somewhat before what was asked for, and breaks off inside an event."""
    log = random.Random(7).randbytes(100_000)

    def answer(seen: Seen) -> Reply:
        asked = int(seen.query["offset"])
        begin = max(0, asked - 100)
        steps = range(begin, len(log), 7_000)
        pieces = [log_event(n, log[n : n + 7_000]) for n in steps]
        if server.count(LOG) > 3:
            return events(*pieces, end_event(len(log)))
        return events(*pieces[:4], pieces[4][:5_000], drop)

    server.on(LOG, answer)
    lost: list[Exception] = []
    assert text_of(client.follow_log("job-1", on_reconnect=lost.append)) == log
    assert [type(error) for error in lost] == [Unreachable] * 3
    offsets = [int(seen.query["offset"]) for seen in server.seen]
    assert offsets == sorted(set(offsets))


@pytest.mark.parametrize("cut", range(1, 80, 3))
def test_log_is_exact_wherever_an_event_is_cut(client: Client, server: AnsweringServer, cut: int) -> None:
    whole = log_event(0, b"one\n") + end_event(4, error="schlägt fehl: äöü")
    server.on(LOG, events(whole[:-cut], drop), events(whole))
    assert text_of(client.follow_log("job-1")) == b"one\n"


def test_stream_cut_inside_a_character_is_taken_up_again(client: Client, server: AnsweringServer) -> None:
    end = end_event(4, error="schlägt fehl")
    cut = end[: end.index("ä".encode()) + 1]
    server.on(LOG, events(log_event(0, b"one\n"), cut), events(end))
    assert text_of(client.follow_log("job-1")) == b"one\n"


def test_stream_that_just_ends_is_taken_up_again(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(log_event(0, b"one\n")), events(log_event(4, b"two\n"), end_event(8)))
    assert text_of(client.follow_log("job-1")) == b"one\ntwo\n"
    assert server.seen[1].query["offset"] == "4"


def test_each_line_comes_at_once_from_a_proxy_without_chunks() -> None:
    """The connection stays open: whoever waits for a full block or the end waits for ever."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
    ):
        listener.settimeout(DEADLINE_SECONDS)
        chunks = client.follow_log("job-1")
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(next, chunks)
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(head + log_event(0, b"one\n"))
                assert first.result(DEADLINE_SECONDS).data == b"one\n"
                connection.sendall(end_event(4))
                assert list(chunks) == []


def test_follower_starts_where_it_is_told(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(log_event(0, b"0123456789"), end_event(10)))
    assert text_of(client.follow_log("job-1", offset=7), offset=7) == b"789"


def test_follower_goes_on_after_a_restart(client: Client, server: AnsweringServer) -> None:
    server.on(
        LOG,
        events(log_event(0, b"one\n"), lambda: server.stopping.wait(DEADLINE_SECONDS), drop),
        events(log_event(4, b"two\n"), end_event(8)),
    )
    lost: list[Exception] = []

    def start_again(error: Exception) -> None:
        if "refused" in str(error):
            server.start()
        lost.append(error)

    chunks = client.follow_log("job-1", on_reconnect=start_again)
    assert next(chunks).data == b"one\n"
    server.stop()
    assert text_of(chunks, offset=4) == b"two\n"
    assert "connection refused" in str(lost[-1])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(problem(503, Code.NO_CAPACITY, "all places are taken"), NoCapacity, id="no-capacity"),
        pytest.param(refusal(500, "database is locked"), ServerError, id="internal"),
        pytest.param(refusal(502, "<html>", kind="text/html"), ForeignAnswer, id="gateway"),
    ],
)
def test_follower_waits_through_faults_of_the_server(
    client: Client, server: AnsweringServer, answer: Reply, kind: type[Exception]
) -> None:
    server.on(LOG, answer, answer, events(log_event(0, b"one\n"), end_event(4)))
    lost: list[Exception] = []
    assert text_of(client.follow_log("job-1", on_reconnect=lost.append)) == b"one\n"
    assert [type(error) for error in lost] == [kind, kind]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(problem(404, Code.NOT_FOUND, "job not found"), NotFound, id="ours"),
        pytest.param(refusal(404, "job not found"), NotFound, id="plain"),
        pytest.param(problem(401, Code.UNAUTHENTICATED, "token?"), Unauthenticated, id="token"),
    ],
)
def test_follower_gives_up_where_waiting_is_of_no_use(
    client: Client, server: AnsweringServer, answer: Reply, kind: type[Exception]
) -> None:
    server.on(LOG, events(log_event(0, b"one\n")), answer)
    chunks = client.follow_log("job-1")
    assert next(chunks).data == b"one\n"
    with pytest.raises(kind):
        next(chunks)


def test_end_before_the_end_is_asked_about_again(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(log_event(0, b"one\n"), end_event(8)), events(log_event(4, b"two\n"), end_event(8)))
    assert text_of(client.follow_log("job-1")) == b"one\ntwo\n"


def test_gap_is_asked_about_again(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(log_event(4, b"two\n"), end_event(8)), events(log_event(0, b"one\ntwo\n"), end_event(8)))
    assert text_of(client.follow_log("job-1")) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("stream", "detail"),
    [
        pytest.param(events(end_event(8)), "ends at byte 0 of 8", id="end"),
        pytest.param(events(log_event(4, b"two\n"), end_event(8)), "goes on at byte 4, not 0", id="gap"),
    ],
)
def test_bytes_that_never_come_are_the_servers_fault(
    client: Client, server: AnsweringServer, stream: Reply, detail: str
) -> None:
    server.on(LOG, stream)
    with pytest.raises(UnexpectedAnswer, match=detail):
        text_of(client.follow_log("job-1"))
    assert server.count(LOG) == 2


def test_follower_stops_at_its_deadline_while_connected(client: Client, server: AnsweringServer) -> None:
    server.on(LOG, events(log_event(0, b"one\n"), lambda: server.stopping.wait(0.01), *[KEEPALIVE] * 3, drop))
    assert text_of(client.follow_log("job-1", deadline=lambda: True)) == b"one\n"
    assert server.count(LOG) == 1


def test_follower_stops_at_its_deadline_during_an_outage(dead_url: str) -> None:
    lost: list[Exception] = []
    with Client(dead_url, retries=0) as client:
        chunks = client.follow_log("job-1", on_reconnect=lost.append, deadline=lambda: len(lost) >= 2)
        assert list(chunks) == []
    assert len(lost) == 2


def test_server_without_log_routes_is_polled(client: Client, server: AnsweringServer) -> None:
    server.on(
        JOB,
        execution(JobStatus.QUEUED, ""),
        execution(JobStatus.RUNNING, "one\n"),
        refusal(500, "database is locked"),
        execution(JobStatus.RUNNING, "one\n"),
        execution(JobStatus.FAILED, "one\nzwölf\n"),
    )
    lost: list[Exception] = []
    chunks = list(client.follow_log("job-1", on_reconnect=lost.append))
    assert chunks == [
        LogChunk(data=b"one\n", offset=0, size=4, complete=False),
        LogChunk(data="zwölf\n".encode(), offset=4, size=11, complete=True),
    ]
    assert [type(error) for error in lost] == [ServerError]


def test_polling_starts_where_it_is_told(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, execution(JobStatus.RUNNING, "one\n"), execution(JobStatus.FAILED, "one\ntwo\n"))
    assert text_of(client.follow_log("job-1", offset=6), offset=6) == b"o\n"


def test_polling_an_unknown_job_is_not_found(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, refusal(404, "job not found"))
    with pytest.raises(NotFound, match="job not found"):
        list(client.follow_log("job-1"))


def test_polling_stops_at_its_deadline_during_an_outage(client: Client, server: AnsweringServer) -> None:
    server.on(JOB, refusal(500, "database is locked"))
    lost: list[Exception] = []
    chunks = client.follow_log("job-1", on_reconnect=lost.append, deadline=lambda: len(lost) >= 2)
    assert list(chunks) == []
