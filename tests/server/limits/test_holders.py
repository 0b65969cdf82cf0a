"""Only who holds this attempt at an execution may report on it or send its files, and only until it is over."""

from __future__ import annotations

from datetime import UTC, datetime

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.wire import words
from cictl.wire.agents import AgentProcess, LeaseResponse
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.results.reports import TestReport, TestReportUpload

PROCESS = AgentProcess(pid=1, host="h", work_dir_id="w", started_utc=datetime(2026, 3, 1, 11, tzinfo=UTC))
LATER = AgentProcess(pid=2, host="h", work_dir_id="w", started_utc=datetime(2026, 3, 1, 12, tzinfo=UTC))
KINDS = ["artifacts", "zip", "tests"]


def given(server: RunningServer, *, request_id: str = "") -> LeaseResponse:
    """Lease as one of our agents does; there must be an execution."""
    answer = server.lease(process=PROCESS, sends_token=True, request_id=request_id)
    assert answer.job_execution is not None
    return answer


def send(
    server: RunningServer, kind: str, job_id: str, *, agent_id: str = "a", token: str = ""
) -> falcon.testing.Result:
    """Send one artifact, a zip of none, or a test report."""
    path, headers = f"/api/v1/jobs/{job_id}", {words.LEASE_TOKEN: token}
    match kind:
        case "artifacts":
            files = [ArtifactData(path="x", data_base64="eA==")]
            return server.post(f"{path}/artifacts", ArtifactUpload(agent_id=agent_id, artifacts=files), headers=headers)
        case "zip":
            return server.post(f"{path}/artifacts/upload-zip", headers={words.AGENT_ID: agent_id, **headers})
        case _:
            report = TestReport(total=1, passed=1)
            return server.post(f"{path}/tests", TestReportUpload(agent_id=agent_id, report=report), headers=headers)


def test_a_report_without_the_token_of_the_lease_is_refused(server: RunningServer) -> None:
    job_id, token = server.enqueue(), given(server).lease_token
    assert len(token) >= 43
    for wrong in ("", "guessed", token[:-1]):
        answer = server.report(job_id, "running", lease_token=wrong, output="stranger's")
        assert (answer.status_code, answer.text) == (409, "job is leased by another agent\n")
    assert server.report(job_id, "running", lease_token=token, output="own").status_code == 200
    assert server.report(job_id, "failed", error="by a stranger").status_code == 409
    assert (server.job(job_id).status, server.log(job_id)) == ("running", b"own")


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_without_the_token_of_the_lease_is_refused(server: RunningServer, kind: str) -> None:
    job_id, token = server.enqueue(), given(server).lease_token
    server.report(job_id, "running", lease_token=token)
    assert send(server, kind, job_id).status_code == 409
    assert send(server, kind, job_id, agent_id="b", token=token).status_code == 409
    assert send(server, kind, job_id, token=token).status_code == 200


def test_a_running_agent_goes_on_after_a_restart_of_the_server(server: RunningServer) -> None:
    job_id, token = server.enqueue(), given(server).lease_token
    server.report(job_id, "running", lease_token=token)
    server.restart()
    assert server.report(job_id, "running").status_code == 409
    assert send(server, "tests", job_id, token=token).status_code == 200
    assert server.report(job_id, "succeeded", lease_token=token).status_code == 200


def test_a_lost_answer_is_given_again_with_the_same_token(server: RunningServer) -> None:
    server.enqueue()
    first = given(server, request_id="r1")
    assert given(server, request_id="r1").lease_token == first.lease_token


def test_an_answer_that_was_lost_in_a_restart_of_the_server_is_given_again_with_a_new_token(
    server: RunningServer,
) -> None:
    job_id = server.enqueue()
    first = given(server, request_id="r1").lease_token
    server.restart()
    second = given(server, request_id="r1").lease_token
    assert second not in ("", first)
    assert server.report(job_id, "running", lease_token=first).status_code == 409
    assert server.report(job_id, "running", lease_token=second).status_code == 200


def test_another_process_of_an_agent_gets_a_token_of_its_own(server: RunningServer) -> None:
    server.heartbeat(process=PROCESS)
    job_id = server.enqueue()
    first = given(server).lease_token
    server.heartbeat(process=LATER)
    second = server.lease(process=LATER, sends_token=True).lease_token
    assert server.report(job_id, "running", lease_token=first).status_code == 409
    assert server.report(job_id, "running", lease_token=second).status_code == 200


def test_who_sends_no_token_is_not_given_what_another_program_holds(server: RunningServer) -> None:
    server.enqueue()
    given(server)
    server.clock.step(6)
    assert server.lease().message == "agent already has an active job"


def test_only_the_agent_whose_lease_ran_out_may_still_begin(server: RunningServer) -> None:
    job_id = server.enqueue()
    token = given(server).lease_token
    server.clock.step(46)
    server.services.jobs.expiry.run_once()
    assert server.report(job_id, "running", "b").status_code == 409
    assert server.report(job_id, "running", lease_token=token).status_code == 200


def test_the_token_of_an_earlier_attempt_is_worth_nothing(server: RunningServer) -> None:
    job_id = server.enqueue()
    first = given(server).lease_token
    server.clock.step(46)
    server.services.jobs.expiry.run_once()
    second = given(server).lease_token
    assert server.report(job_id, "running", lease_token=first).status_code == 409
    assert server.report(job_id, "running", lease_token=second).status_code == 200


@pytest.mark.parametrize(
    ("agent_os", "status"), [pytest.param("linux", 200, id="meets them"), pytest.param("darwin", 409, id="does not")]
)
def test_a_report_takes_a_waiting_execution_only_if_its_requirements_are_met(
    server: RunningServer, agent_os: str, status: int
) -> None:
    [job_id] = server.run(server.define('[{id: j, runs_on: {os: linux}, steps: [{run: "true"}]}]'))
    server.post("/api/v1/heartbeat", {"agent_id": "b", "os": agent_os, "arch": "amd64"})
    assert server.report(job_id, "running", "b").status_code == status
    assert server.job(job_id).leased_by_agent_id == ("b" if status == 200 else "")


def test_no_report_takes_a_waiting_execution_in_the_name_of_an_agent_with_tokens(server: RunningServer) -> None:
    server.heartbeat(process=PROCESS)
    job_id = server.enqueue()
    answer = server.report(job_id, "running")
    assert (answer.status_code, answer.text) == (409, "job is not leased\n")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sent_for_an_execution_that_nobody_holds(server: RunningServer, kind: str) -> None:
    job_id = server.enqueue()
    answer = send(server, kind, job_id)
    assert (answer.status_code, answer.text) == (409, "job is not leased\n")


@pytest.mark.parametrize("status", ["succeeded", "failed"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_follows_the_report_of_the_end(server: RunningServer, kind: str, status: str) -> None:
    server.enqueue()
    job_id = server.running().id
    assert send(server, kind, job_id).status_code == 200
    server.report(job_id, status)
    answer = send(server, kind, job_id)
    assert (answer.status_code, answer.text) == (409, f"job is over: it {status}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_cancel_its_agent_may_send_files_for_ten_minutes(server: RunningServer, kind: str) -> None:
    server.enqueue()
    job_id = server.running().id
    server.cancel(job_id)
    server.clock.step(599)
    assert send(server, kind, job_id).status_code == 200
    assert send(server, kind, job_id, agent_id="b").status_code == 409
    server.clock.step(1)
    assert send(server, kind, job_id).status_code == 409


def test_a_token_is_in_the_answer_to_its_lease_and_nowhere_else(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    job_id, token = server.enqueue(), given(server).lease_token
    server.report(job_id, "running", lease_token=token, output="x")
    paths = [f"jobs/{job_id}", f"jobs/{job_id}?view=state", "jobs", "agents", f"jobs/{job_id}/explain"]
    answers = [server.get(f"/api/v1/{path}").text for path in paths] + [server.get("/metrics").text, caplog.text]
    stored = [file.read_bytes() for file in server.directory.rglob("*") if file.is_file()]
    assert not any(token in answer for answer in answers)
    assert not any(token.encode() in content for content in stored)
    assert not any("lease_hash" in answer for answer in answers)
