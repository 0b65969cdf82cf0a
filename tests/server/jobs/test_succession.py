"""The report of an end that asks for the next execution."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.wire import words
from cictl.wire.agents import AgentProcess, LeaseRequest, ReportAnswer, StatusRequest
from cictl.wire.codec import decode
from cictl.wire.jobs import JobStatus

STARTED = datetime(2026, 3, 1, 11, tzinfo=UTC)


def end(server: RunningServer, job_id: str, status: str = "succeeded", **wish: Any) -> ReportAnswer:
    """Report how an execution of the agent `a` goes, with a request for the next one."""
    request = StatusRequest(agent_id="a", status=status, next_lease=LeaseRequest(**{"request_id": "r", **wish}))
    answer = server.post(f"/api/v1/jobs/{job_id}/status", request, headers={words.PREFER: words.RETURN_MINIMAL})
    assert answer.status_code == 200, answer.text
    return decode(answer.content, ReportAnswer)


def test_the_report_of_an_end_brings_the_next_execution(server: RunningServer) -> None:
    server.enqueue()
    following = server.enqueue()
    ended = server.running().id
    answer = end(server, ended, sends_token=True)
    assert answer.job_execution.status is JobStatus.SUCCEEDED
    assert answer.lease is not None
    assert answer.lease.job_execution is not None
    assert answer.lease.job_execution.id == following
    assert server.report(following, "running").status_code == 409
    assert server.report(following, "running", lease_token=answer.lease.lease_token).status_code == 200


@pytest.mark.tinydb
def test_an_end_and_the_next_lease_share_one_flush(server: RunningServer) -> None:
    server.enqueue()
    server.enqueue()
    ended = server.running().id
    before = server.store.figures()
    assert end(server, ended).lease is not None
    after = server.store.figures()
    assert (after.commits - before.commits, after.flushes - before.flushes) == (2, 1)


def test_a_report_whose_answer_was_lost_brings_the_same_execution_again(server: RunningServer) -> None:
    for _ in range(3):
        server.enqueue()
    ended = server.running().id
    lost = end(server, ended, sends_token=True)
    assert end(server, ended, sends_token=True) == lost
    asked = server.lease(request_id="r", sends_token=True)
    assert asked == lost.lease


def test_a_report_is_never_held(server: RunningServer) -> None:
    server.enqueue()
    answer = end(server, server.running().id, wait_seconds=25)
    assert answer.lease is not None
    assert (answer.lease.assigned, answer.lease.message) == (False, "no matching queued job")


def test_a_report_that_a_job_runs_brings_nothing(server: RunningServer) -> None:
    server.enqueue()
    waiting = server.enqueue()
    assert end(server, server.running().id, "running").lease is None
    assert server.job(waiting).status is JobStatus.QUEUED


def test_the_whole_answer_of_the_contract_brings_nothing(server: RunningServer) -> None:
    server.enqueue()
    waiting = server.enqueue()
    ended = server.running().id
    assert "lease" not in server.report(ended, "succeeded", next_lease=LeaseRequest(request_id="r")).json
    assert server.job(waiting).status is JobStatus.QUEUED


def test_work_is_for_the_agent_that_reports(server: RunningServer) -> None:
    server.enqueue()
    following = server.enqueue()
    end(server, server.running().id, agent_id="b")
    assert server.job(following).leased_by_agent_id == "a"


def test_an_end_counts_although_no_work_can_be_given(server: RunningServer) -> None:
    server.heartbeat(process=AgentProcess(pid=1, host="h", work_dir_id="w", started_utc=STARTED))
    server.enqueue()
    server.enqueue()
    ended = server.running().id
    answer = end(server, ended, process=AgentProcess(pid=2, host="i", work_dir_id="v", started_utc=STARTED))
    assert answer.lease is None
    assert server.job(ended).status is JobStatus.SUCCEEDED
