from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, drop, marked, problem, refusal, reply
from cictl_testing.servers.samples import BEAT, JOB, NOW, OF_JOB, RUNS, STATE

from cictl.wire.agents import (
    HeartbeatRequest,
    LeaseRequest,
    LeaseResponse,
    ReportAnswer,
    StatusRequest,
)
from cictl.wire.jobs import (
    JobResponse,
    JobStateResponse,
)
from cictl.wire.problems import Code
from cictl.wire.waiting.queue import JobList
from cictl_client import Client, Conflict, ForeignAnswer, LogChunk, NotFound, UnexpectedAnswer, Unreachable

Call = Callable[[Client], Any]


@pytest.mark.parametrize(
    ("call", "target"),
    [
        pytest.param(lambda c: c.get_agent("a/../b?c#d"), "/api/v1/agents/a%2F..%2Fb%3Fc%23d", id="agent"),
        pytest.param(lambda c: c.get_job("ä b"), "/api/v1/jobs/%C3%A4%20b", id="job"),
    ],
)
def test_id_is_one_segment_of_the_path(client: Client, server: AnsweringServer, call: Call, target: str) -> None:
    with pytest.raises(ForeignAnswer):
        call(client)
    assert server.seen[0].target == target


def test_deleting_may_be_answered_with_nothing(client: Client, server: AnsweringServer) -> None:
    server.on("DELETE /api/v1/projects/3", Reply((b"",), status=204))
    client.delete_project(3)
    assert server.count("DELETE /api/v1/projects/3") == 1


def test_icon_comes_as_it_is(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/projects/3/icon", Reply((b"\x89PNG",), kind="image/png"))
    icon = client.get_project_icon(3)
    assert (icon.headers["Content-Type"], icon.body) == ("image/png", b"\x89PNG")
    assert server.seen[0].headers["accept"].startswith("image/*")


def test_only_filters_that_say_something_are_sent(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/jobs", reply(JobList(job_executions=[])))
    filters = {"status": "failed", "project": "p&q", "pipeline": "b", "agent": "a", "run": "r", "cursor": "c"}
    client.list_jobs()
    client.list_jobs(max_jobs=9, status="failed", project="p&q", pipeline="b", agent="a", run="r", cursor="c")
    client.list_jobs(status=("failed", "queued"), split_runs=True)
    several = {"max": "150", "status": "failed,queued", "split_runs": "true"}
    assert [seen.query for seen in server.seen] == [{"max": "150"}, {"max": "9", **filters}, several]


def test_filters_of_runs(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/runs", reply(RUNS))
    client.list_runs()
    client.list_runs(status=["failed", "queued"], branch="main", since=NOW, limit=9, cursor="41")
    wanted = {"limit": "9", "status": "failed,queued", "branch": "main", "since": NOW.isoformat(), "cursor": "41"}
    assert [seen.query for seen in server.seen] == [{"limit": "50"}, wanted]


@pytest.mark.parametrize(
    ("request_line", "body", "call", "result"),
    [
        pytest.param(
            f"GET {OF_JOB}/artifacts", b'{"artifacts":null}', lambda c: c.list_artifacts("job-1"), [], id="artifacts"
        ),
        pytest.param(
            f"POST {OF_JOB}/artifacts/upload-zip",
            b'{"artifacts":null}',
            lambda c: c.upload_artifacts_zip("job-1", "a", io.BytesIO()),
            [],
            id="empty-upload",
        ),
        pytest.param(
            "POST /api/v1/heartbeat",
            b'{"accepted":true,"message":null,"cancel_job_ids":null,"unknown":1}',
            lambda c: c.heartbeat(HeartbeatRequest()),
            BEAT,
            id="heartbeat",
        ),
        pytest.param(
            "POST /api/v1/agent/lease",
            b'{"assigned":false,"job_execution":null}',
            lambda c: c.lease(LeaseRequest()),
            LeaseResponse(assigned=False),
            id="lease",
        ),
    ],
)
def test_nulls_mean_absent(
    client: Client, server: AnsweringServer, request_line: str, body: bytes, call: Call, result: object
) -> None:
    server.on(request_line, reply(body))
    assert call(client) == result


def test_state_is_asked_for_as_such(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", reply(JobStateResponse(job_execution=STATE)))
    client.get_job_state("job-1")
    assert server.seen[0].query == {"view": "state"}


def test_state_comes_out_of_a_whole_execution(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", reply(JobResponse(job_execution=JOB)))
    assert client.get_job_state("job-1") == STATE


def test_state_out_of_something_else_is_unexpected(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}", marked(reply(b'{"job_execution":{"id":"job-1"}}')))
    with pytest.raises(UnexpectedAnswer, match="32 bytes of application/json"):
        client.get_job_state("job-1")


@pytest.mark.parametrize(("minimal", "preference"), [(False, None), (True, "return=minimal")])
def test_report_says_whether_a_short_answer_will_do(
    client: Client, server: AnsweringServer, minimal: bool, preference: str | None
) -> None:
    server.on(f"POST {OF_JOB}/status", reply(JobResponse(job_execution=JOB)))
    assert client.report_status("job-1", StatusRequest(), minimal=minimal) == STATE
    assert server.seen[0].headers.get("prefer") == preference


def test_an_old_servers_answer_to_a_report_has_no_lease(client: Client, server: AnsweringServer) -> None:
    server.on(f"POST {OF_JOB}/status", reply(JobResponse(job_execution=JOB)))
    assert client.report_and_lease("job-1", StatusRequest()) == ReportAnswer(job_execution=STATE)
    assert server.seen[0].headers["prefer"] == "return=minimal"


def test_report_about_an_unknown_job_is_not_found(client: Client, server: AnsweringServer) -> None:
    server.on(f"POST {OF_JOB}/status", refusal(400, "job not found"))
    with pytest.raises(NotFound):
        client.report_status("job-1", StatusRequest())


def test_piece_of_a_log(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}/log", Reply((b"lo\n",), headers={"X-Log-Size": "9", "X-Log-Complete": "true"}))
    assert client.read_log("job-1", offset=3, limit=4) == LogChunk(data=b"lo\n", offset=3, size=9, complete=True)
    assert server.seen[0].query == {"offset": "3", "limit": "4"}


def test_piece_of_a_log_without_its_size_is_unexpected(client: Client, server: AnsweringServer) -> None:
    server.on(f"GET {OF_JOB}/log", marked(Reply((b"lo",))))
    with pytest.raises(UnexpectedAnswer, match="no X-Log-Size"):
        client.read_log("job-1")


@pytest.mark.parametrize("path", ["/api/v1/jobs", "api/v1/jobs", "{url}/api/v1/jobs"])
def test_any_request_can_be_sent(client: Client, server: AnsweringServer, path: str) -> None:
    server.on("PATCH /api/v1/jobs", reply(b"[1]", status=202, X_Thing="yes"))
    answer = client.request("patch", path.format(url=server.url), json_body=b"{}", params={"max": 2})
    assert (answer.status, answer.headers["x-thing"], answer.body) == (202, "yes", b"[1]")
    assert (server.seen[0].body, server.seen[0].query) == (b"{}", {"max": "2"})
    assert server.seen[0].headers["content-type"] == "application/json"


def test_the_answer_to_any_request_can_be_read_as_it_comes(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/events", Reply((b"one\n", b"two\n"), kind="text/event-stream"))
    with client.stream_request("GET", "/api/v1/events") as (head, blocks):
        assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "text/event-stream")
        assert b"".join(blocks) == b"one\ntwo\n"


def test_an_answer_that_breaks_off_is_unreachable(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/events", Reply((b"one\n", drop)))
    with pytest.raises(Unreachable), client.stream_request("GET", "/api/v1/events") as (_, blocks):
        list(blocks)


def test_any_request_raises_what_the_others_raise(client: Client, server: AnsweringServer) -> None:
    server.on("GET /api/v1/things", problem(409, Code.CONFLICT, "no"))
    with pytest.raises(Conflict):
        client.request("GET", "/api/v1/things")
