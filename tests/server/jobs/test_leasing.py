"""Who gets which execution, and who gets none."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer

from cictl.wire.agents import LeaseResponse


def test_the_oldest_matching_execution_goes_first(server: RunningServer) -> None:
    windows = server.define('[{id: w, runs_on: {os: windows}, steps: [{run: "true"}]}]')
    server.run(windows)
    first, second = server.enqueue(), server.enqueue()
    server.heartbeat("a")
    server.heartbeat("b")
    assert (server.leased("a").id, server.leased("b").id) == (first, second)


def test_nothing_matching(server: RunningServer) -> None:
    assert server.lease() == LeaseResponse(assigned=False, message="no matching queued job")


def test_an_agent_without_id_is_refused(server: RunningServer) -> None:
    answer = server.post("/api/v1/agent/lease", {"agent_id": " "})
    assert (answer.status_code, answer.text) == (400, "agent_id is required\n")


def test_capabilities_of_the_request_overlay_the_heartbeats(server: RunningServer) -> None:
    needs_gpu = server.define('[{id: g, runs_on: {gpu: a100, agent_id: a}, steps: [{run: "true"}]}]')
    [job_id] = server.run(needs_gpu)
    server.heartbeat(capabilities={"gpu": "none"})
    assert not server.lease(capabilities={"agent_id": "other"}).assigned
    answer = server.lease(capabilities={"gpu": "a100", "agent_id": "other"})
    assert answer.job_execution is not None
    assert answer.job_execution.id == job_id


def test_an_agent_holds_one_execution(server: RunningServer) -> None:
    server.enqueue()
    server.enqueue()
    server.leased()
    assert server.lease().message == "agent already has an active job"


@pytest.mark.weakness("A6.1d")
def test_simultaneous_requests_of_one_agent_get_one_execution(server: RunningServer) -> None:
    for _ in range(8):
        server.enqueue()
    answers: list[LeaseResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(server.lease())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer.assigned for answer in answers) == 1


@pytest.mark.weakness("A6.1b")
def test_a_repeated_request_gets_the_same_execution_again(server: RunningServer) -> None:
    job_id = server.enqueue()
    first = server.lease(request_id="r1")
    again = server.lease(request_id="r1")
    assert first.job_execution is not None
    assert again.job_execution is not None
    assert first.job_execution.id == again.job_execution.id == job_id
    assert not server.lease(request_id="r2").assigned


@pytest.mark.weakness("A6.1b")
def test_a_lost_answer_is_given_again_when_the_agent_must_have_given_up(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.leased()
    server.clock.step(5)
    assert server.leased().id == job_id


@pytest.mark.weakness("A6.1b", "A10.1a")
def test_an_agent_that_asks_for_other_work_has_lost_its_running_execution(server: RunningServer) -> None:
    server.heartbeat()
    job_id, other = server.enqueue(), server.enqueue()
    server.running()
    server.clock.step(30)
    assert server.leased().id == other
    lost = server.job(job_id)
    assert (lost.status, lost.cause) == ("failed", "agent_lost")
    assert lost.error.startswith("agent lost: ")
    assert server.log(job_id).decode() == f"[control] {lost.error}"


@pytest.mark.weakness("A6.1c")
def test_an_agent_that_says_it_runs_an_execution_has_not_lost_it(server: RunningServer) -> None:
    """A request of before the lease comes late, after the execution has long begun."""
    job_id, _ = server.enqueue(), server.enqueue()
    server.running()
    server.clock.step(25)
    server.heartbeat(running_job_ids=[job_id])
    server.clock.step(20)
    assert server.lease(request_id="old").message == "agent already has an active job"
    assert server.job(job_id).status == "running"


def test_no_execution_is_given_up_before_a_heartbeat_tells_what_runs(server: RunningServer) -> None:
    """A late request may be the first that is heard after a restart, or after a crash of the database."""
    job_id, other = server.enqueue(), server.enqueue()
    server.heartbeat()
    server.running()
    server.clock.step(30)
    server.restart()
    assert server.lease(request_id="old").message == "agent already has an active job"
    assert server.job(job_id).status == "running"
    server.heartbeat(running_job_ids=[])
    assert server.leased().id == other


@pytest.mark.parametrize("later", ["it names no execution", "it is silent"])
def test_what_an_agent_said_it_runs_counts_until_its_next_heartbeat(server: RunningServer, later: str) -> None:
    job_id, other = server.enqueue(), server.enqueue()
    server.running()
    server.heartbeat(running_job_ids=[job_id])
    if later == "it names no execution":
        server.clock.step(10)
        server.heartbeat(running_job_ids=[])
    else:
        server.clock.step(21)
    assert server.leased().id == other
    assert server.job(job_id).cause == "agent_lost"


def test_an_expired_lease_goes_back_to_the_head_of_the_queue(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.enqueue()
    server.leased("a")
    server.clock.step(44)
    server.services.jobs.expiry.run_once()
    assert server.job(job_id).status == "leased"
    server.clock.step(1)
    server.services.jobs.expiry.run_once()
    assert server.job(job_id).status == "queued"
    assert server.leased("b").id == job_id


@pytest.mark.weakness("A6.1a")
@pytest.mark.parametrize("when", ["before a restart", "after a restart, before any heartbeat"])
def test_a_deactivated_agent_gets_nothing(server: RunningServer, when: str) -> None:
    server.enqueue()
    server.heartbeat()
    server.act("deactivate")
    if when != "before a restart":
        server.restart()
    assert server.lease() == LeaseResponse(assigned=False, message="agent is deactivated")
    server.act("activate")
    assert server.lease().assigned


def test_a_waiting_agent_gets_what_is_enqueued(server: RunningServer) -> None:
    pipeline = server.define('[{id: work, steps: [{run: "true"}]}]')
    answers: list[LeaseResponse] = []
    waiting = threading.Thread(target=lambda: answers.append(server.lease(wait_seconds=20)))
    waiting.start()
    [job_id] = server.run(pipeline)
    waiting.join(timeout=60)
    assert answers
    assert answers[0].job_execution is not None
    assert answers[0].job_execution.id == job_id


def test_a_waiting_agent_is_told_at_once_that_it_is_deactivated(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl_server.services.jobs.leasing.WAIT_LIMIT_SECONDS", 600)
    server.heartbeat()
    answers: list[LeaseResponse] = []
    waiting = threading.Thread(target=lambda: answers.append(server.lease(wait_seconds=600)), daemon=True)
    waiting.start()
    server.act("deactivate")
    waiting.join(timeout=60)
    assert [answer.message for answer in answers] == ["agent is deactivated"]


def test_without_a_free_place_the_answer_comes_at_once(server: RunningServer) -> None:
    for number in range(64):
        server.services.core.hub.take_place(f"agent {number}")
    assert server.lease(wait_seconds=25).message == "no matching queued job"


@pytest.mark.weakness("A6.1c")
def test_a_late_repeat_of_the_request_that_got_an_execution_does_not_end_it(server: RunningServer) -> None:
    server.enqueue()
    server.enqueue()
    job = server.lease(request_id="r1").job_execution
    assert job is not None
    server.report(job.id, "running")
    server.clock.step(30)
    assert server.lease(request_id="r1").message == "agent already has an active job"
    assert server.job(job.id).status == "running"


def test_a_request_that_still_waits_on_a_broken_connection_ends_nothing(server: RunningServer) -> None:
    """Its agent asked again, got an execution and runs it; the next one that is enqueued wakes the old request."""
    [job_id] = server.run(server.define('[{id: work, runs_on: {gpu: "1"}, steps: [{run: "true"}]}]'))
    answers: list[LeaseResponse] = []
    waiting = threading.Thread(target=lambda: answers.append(server.lease(wait_seconds=20, request_id="old")))
    waiting.start()
    eventually(lambda: server.services.core.hub.waiting == 1, what="the old request to wait")
    assert server.lease(request_id="new", capabilities={"gpu": "1"}).assigned
    server.report(job_id, "running")
    server.clock.step(6)
    server.enqueue()
    waiting.join(timeout=60)
    assert [answer.message for answer in answers] == ["agent already has an active job"]
    assert server.job(job_id).status == "running"


SECRET = """[{id: s, steps: [{run: "true", %s env: {T: "{{ secret.t }}"},
                vault: {connection: pantry, secrets: [{name: t, path: p, key: k}]}}]},
              {id: after, needs: [s], steps: [{run: "true"}]}]"""


def test_an_execution_whose_secrets_cannot_be_had_fails_and_says_so(server: RunningServer) -> None:
    """It must never run with the placeholder in the secret's place."""
    job_id, after = server.run(server.define(SECRET % ""))
    answer = server.lease()
    text = 'secret resolution failed before execution: resolve vault connection "pantry": vault connection not found'
    assert answer == LeaseResponse(assigned=False, message=text)
    failed = server.job(job_id)
    assert (failed.status, failed.error, failed.cause) == ("failed", text, "secrets_missing")
    assert failed.output == f"[control] {text}"
    assert server.job(after).error == "cancelled: required job s failed"


def test_a_skipped_step_needs_no_secrets(server: RunningServer) -> None:
    job_id, _ = server.run(server.define(SECRET % "skip_dry_run: true,"), dry_run=True)
    assert server.leased().id == job_id


@pytest.mark.parametrize(("reads", "sent"), [({"reads_ranges": True}, ">=2,<3"), ({}, ">=2")], ids=["ours", "older"])
def test_ranges_are_matched_here_and_sent_to_agents_that_read_them(
    server: RunningServer, reads: dict[str, Any], sent: str
) -> None:
    server.run(server.define('[{id: w, requires: {tools: {git: ">=2,<3"}}, steps: [{run: "true"}]}]'))
    assert not server.lease(capabilities={"tool.git": "3.0"}, **reads).assigned
    job = server.lease(capabilities={"tool.git": "2.39.5"}, **reads).job_execution
    assert job is not None
    assert job.required_capabilities == {"requires.tool.git": sent}
