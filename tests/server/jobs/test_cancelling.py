"""Cancellation, by order or through deactivation, and what maintenance ends."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.agents import LeaseRequest
from cictl.wire.codec import decode
from cictl.wire.jobs import JobResponse


def test_cancel_keeps_the_log_and_adds_its_line(server: RunningServer) -> None:
    server.enqueue()
    job = server.running()
    server.report(job.id, "running", output_append="working", output_offset=0, exit_code=1)
    answer = server.cancel(job.id)
    assert (answer.status_code, answer.json["job_execution"]["error"]) == (200, "cancelled by user")
    ended = server.job(job.id)
    assert (ended.status, ended.cause, ended.exit_code) == ("failed", "cancelled", None)
    assert ended.output == "working\n[control] job cancelled by user"


def test_cancel_of_an_empty_log_has_no_blank_line(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.cancel(job_id)
    assert server.log(job_id) == b"[control] job cancelled by user"


def test_cancelling_twice_is_refused(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.cancel(job_id)
    answer = server.cancel(job_id)
    assert (answer.status_code, answer.text) == (409, "job is not active\n")


def test_an_unknown_execution_cannot_be_cancelled(server: RunningServer) -> None:
    answer = server.cancel("job-5")
    assert (answer.status_code, answer.text) == (404, "job not found\n")


@pytest.mark.weakness("A5a")
def test_deactivation_ends_the_active_execution_and_keeps_its_log(server: RunningServer) -> None:
    server.heartbeat()
    server.enqueue()
    job = server.running()
    server.report(job.id, "running", output_append="half way\n", output_offset=0)
    answer = server.act("deactivate")
    assert answer.json["message"] == "agent deactivated; cancelled active jobs=1"
    ended = server.job(job.id)
    assert (ended.status, ended.error) == ("failed", "cancelled by user")
    assert server.log(job.id) == b"half way\n[control] job cancelled by user"


def test_a_heartbeat_is_told_which_of_its_executions_are_over(server: RunningServer) -> None:
    server.enqueue()
    server.enqueue()
    cancelled, going_on = server.running("a"), server.running("b")
    server.cancel(cancelled.id)
    answer = server.heartbeat("b", running_job_ids=[cancelled.id, going_on.id, "job-77", "odd"])
    assert answer.cancel_job_ids == [cancelled.id, "job-77", "odd"]


def test_a_run_past_its_limit_and_the_grace_is_ended(server: RunningServer) -> None:
    pipeline = server.define('[{id: slow, timeout_seconds: 30, steps: [{run: "true"}]}]')
    [job_id] = server.run(pipeline)
    server.running()
    server.clock.step(44)
    server.services.jobs.expiry.run_once()
    assert server.job(job_id).status == "running"
    server.clock.step(1)
    server.services.jobs.expiry.run_once()
    ended = server.job(job_id)
    assert (ended.error, ended.cause) == ("job timed out while running (server maintenance)", "timed_out")
    assert ended.output == "[control] job timed out while running (server maintenance)"


def test_a_job_that_states_no_limit_gets_the_servers_with_its_lease(server: RunningServer) -> None:
    job_id = server.enqueue()
    assert (server.job(job_id).timeout_seconds, server.job(job_id).timeout_is_default) == (0, False)
    assert server.leased().timeout_seconds == 86400
    assert server.report(job_id, "running").status_code == 200
    assert server.job(job_id).timeout_is_default
    server.clock.step(86400 + 15)
    server.services.jobs.expiry.run_once()
    assert server.job(job_id).cause == "timed_out"
    explained = server.get(f"/api/v1/jobs/{job_id}/explain").json
    assert explained["summary"].endswith("after its time limit of 24 h (the server's default)")
    rerun = decode(server.post(f"/api/v1/jobs/{job_id}/rerun").content, JobResponse).job_execution
    assert (rerun.timeout_seconds, rerun.timeout_is_default) == (0, False)


def test_a_job_keeps_its_own_limit_and_0_means_none(server: RunningServer) -> None:
    server.run(server.define('[{id: slow, timeout_seconds: 90000, steps: [{run: "true"}]}]'))
    job = server.leased()
    assert (job.timeout_seconds, job.timeout_is_default) == (90000, False)
    server.enqueue()
    unlimited = replace(server.services.jobs.leasing, default_timeout_seconds=0)
    second = unlimited.lease(LeaseRequest(agent_id="b")).job_execution
    assert second is not None
    assert (second.timeout_seconds, second.timeout_is_default) == (0, False)


@pytest.mark.weakness("A10.1b")
def test_an_agent_that_is_online_may_still_upload_what_its_run_made(server: RunningServer) -> None:
    """Its own limit does not cover that, and it says nothing of the job meanwhile; the heartbeats go on."""
    server.run(server.define('[{id: slow, timeout_seconds: 30, steps: [{run: "true"}]}]'))
    job = server.running()
    for seconds, status in ((30 + 15 + 599, "running"), (1, "failed")):
        server.clock.step(seconds)
        server.heartbeat()
        server.services.jobs.expiry.run_once()
        assert server.job(job.id).status == status
    assert server.job(job.id).cause == "timed_out"


def test_a_limit_beyond_all_time_is_none(server: RunningServer) -> None:
    server.run(server.define(f'[{{id: slow, timeout_seconds: {10**15}, steps: [{{run: "true"}}]}}]'))
    job = server.running()
    server.services.jobs.expiry.run_once()
    assert server.job(job.id).status == "running"


@pytest.mark.weakness("A10.1a")
def test_the_work_of_a_silent_agent_is_given_up(server: RunningServer) -> None:
    server.heartbeat()
    server.enqueue()
    job = server.running()
    server.clock.step(59)
    server.services.jobs.expiry.run_once()
    assert server.job(job.id).status == "running"
    server.clock.step(1)
    server.services.jobs.expiry.run_once()
    ended = server.job(job.id)
    assert (ended.status, ended.cause) == ("failed", "agent_lost")
    assert ended.error == "agent lost: nothing heard of a for 60 s"


def greet(server: RunningServer, pid: int) -> None:
    server.heartbeat(restart_status=f"ciwi agent has (re)started (pid={pid})")


@pytest.mark.weakness("A10.1a")
def test_a_new_process_ends_what_the_old_one_ran(server: RunningServer) -> None:
    greet(server, 1)
    server.run(server.define('[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}]'))
    job = server.running()
    server.heartbeat(restart_status="restart deferred: agent busy with active job")
    assert server.job(job.id).status == "running"
    greet(server, 2)
    lost = server.job(job.id)
    assert (lost.status, lost.cause) == ("failed", "agent_lost")
    assert lost.error == "agent lost: it has started anew while this job was running"
    assert [job["status"] for job in server.get("/api/v1/jobs").json["job_executions"]] == ["failed", "failed"]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_greeting_that_may_be_a_repeat_ends_nothing(server: RunningServer, is_restarted: bool) -> None:
    """An agent of the reference repeats it until it is answered, and takes work meanwhile."""
    greet(server, 1)
    server.enqueue()
    job = server.running()
    if is_restarted:
        server.restart()
    greet(server, 1)
    assert server.job(job.id).status == "running"


def test_a_new_process_is_offered_what_the_old_one_had_not_begun(server: RunningServer) -> None:
    greet(server, 1)
    job_id = server.enqueue()
    server.leased()
    greet(server, 2)
    server.clock.step(5)
    assert server.leased().id == job_id


def test_an_agent_gets_its_whole_time_again_after_a_restart_of_the_server(server: RunningServer) -> None:
    server.heartbeat()
    server.enqueue()
    job = server.running()
    server.clock.step(300)
    server.restart()
    assert server.job(job.id).status == "running"
    server.heartbeat()
    server.clock.step(59)
    server.services.jobs.expiry.run_once()
    assert server.job(job.id).status == "running"


def test_deactivation_is_one_step(server: RunningServer) -> None:
    """A kill can't come between the flag and the end of what the agent holds."""
    server.heartbeat()
    server.enqueue()
    server.running()
    before = server.store.figures().commits
    server.act("deactivate")
    assert server.store.figures().commits == before + 1
