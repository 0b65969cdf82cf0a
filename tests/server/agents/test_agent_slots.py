"""Agents that run several executions at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import Agent, AgentProcess, AgentResponse, LeaseResponse

PROCESS = AgentProcess(pid=1, host="h", work_dir_id="w", started_utc=datetime(2026, 3, 1, 11, tzinfo=UTC))
AGAIN = AgentProcess(pid=2, host="h", work_dir_id="w", started_utc=datetime(2026, 3, 1, 12, tzinfo=UTC))


def take(server: RunningServer, slot: int, *, slots: int = 2, process: AgentProcess = PROCESS) -> str:
    """Lease for one slot; return the id of the execution, or the message when there is none."""
    answer = server.lease(slot=slot, slots=slots, process=process)
    return answer.job_execution.id if answer.job_execution else answer.message


def begin(server: RunningServer, slot: int) -> str:
    """Lease for one slot, and report that the execution runs."""
    job_id = take(server, slot)
    assert server.report(job_id, "running").status_code == 200
    return job_id


def shown(server: RunningServer) -> Agent:
    return server.read(AgentResponse, "/api/v1/agents/a").agent


@pytest.fixture(autouse=True)
def known(server: RunningServer) -> None:
    server.heartbeat(process=PROCESS, slots=2)


def test_an_agent_holds_as_many_executions_as_it_has_slots(server: RunningServer) -> None:
    first, second, third = (server.enqueue() for _ in range(3))
    assert [begin(server, 1), begin(server, 2)] == [first, second]
    assert take(server, 3) == "agent already has an active job"
    assert (shown(server).slots, shown(server).slots_busy) == (2, 2)
    server.report(first, "succeeded")
    assert shown(server).slots_busy == 1
    assert take(server, 1) == third


def test_simultaneous_requests_of_all_slots_get_one_execution_each(server: RunningServer) -> None:
    for _ in range(8):
        server.enqueue()
    answers: list[LeaseResponse] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(server.lease(slot=n % 4 + 1, slots=4, process=PROCESS)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [answer.job_execution.id for answer in answers if answer.job_execution]
    assert len(given) == len(set(given)) == 4


def test_a_lost_answer_is_given_again_to_its_own_slot_alone(server: RunningServer) -> None:
    job_id = server.enqueue()
    assert take(server, 2) == job_id
    server.clock.step(6)
    assert take(server, 1) == "no matching queued job"
    assert take(server, 2) == job_id


def test_a_slot_that_asks_has_lost_what_it_ran_and_the_other_goes_on(server: RunningServer) -> None:
    lost, kept = server.enqueue(), server.enqueue()
    assert [begin(server, 1), begin(server, 2)] == [lost, kept]
    server.clock.step(6)
    server.heartbeat(process=PROCESS, slots=2, running_job_ids=[kept])
    assert take(server, 1) == "no matching queued job"
    assert server.job(lost).cause == "agent_lost"
    assert server.job(kept).status == "running"


def test_all_that_a_process_ran_is_lost_with_it(server: RunningServer) -> None:
    jobs = [server.enqueue(), server.enqueue()]
    assert [begin(server, 1), begin(server, 2)] == jobs
    server.heartbeat(process=AGAIN, slots=2)
    assert [server.job(job_id).cause for job_id in jobs] == ["agent_lost", "agent_lost"]


def test_a_lease_of_the_process_before_goes_to_one_slot_of_the_next(server: RunningServer) -> None:
    job_id = server.enqueue()
    assert take(server, 2) == job_id
    server.heartbeat(process=AGAIN, slots=2)
    assert take(server, 1, process=AGAIN) == job_id
    assert take(server, 2, process=AGAIN) == "no matching queued job"


def test_an_execution_that_was_begun_after_its_lease_keeps_no_other_slot_from_work(server: RunningServer) -> None:
    late, other = server.enqueue(), server.enqueue()
    token = server.lease(slot=1, slots=2, process=PROCESS, sends_token=True).lease_token
    server.clock.step(46)
    server.services.jobs.expiry.run_once()
    assert server.report(late, "running", lease_token=token).status_code == 200
    server.heartbeat(process=PROCESS, slots=2, running_job_ids=[late])
    assert take(server, 2) == other


def test_a_draining_agent_gets_nothing_until_it_says_otherwise(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat(process=PROCESS, slots=2, draining=True)
    assert take(server, 1) == "agent ends its jobs before it takes others"
    server.heartbeat(process=PROCESS, slots=2)
    assert take(server, 1) == job_id


def test_deactivating_cancels_what_all_slots_run(server: RunningServer) -> None:
    jobs = [server.enqueue(), server.enqueue()]
    assert [begin(server, 1), begin(server, 2)] == jobs
    assert server.act("deactivate").json["message"] == "agent deactivated; cancelled active jobs=2"
    assert take(server, 1) == "agent is deactivated"


def test_an_agent_with_a_free_slot_is_not_busy_to_explain(server: RunningServer) -> None:
    server.enqueue()
    begin(server, 1)
    waiting = server.enqueue()
    assert "fits and is free" in server.get(f"/api/v1/jobs/{waiting}/explain").text
    assert begin(server, 2) == waiting
    assert "is busy with" in server.get(f"/api/v1/jobs/{server.enqueue()}/explain").text


@pytest.mark.parametrize(("slots", "is_asked"), [(1, False), (2, True)])
def test_a_busy_agent_is_asked_to_update_if_it_has_several_slots(
    server: RunningServer, slots: int, is_asked: bool
) -> None:
    server.find_releases(CICTL_UPDATE_REPO="shop/cictl")
    server.enqueue()
    begin(server, 1)
    usual: dict[str, Any] = {
        "process": PROCESS,
        "slots": slots,
        "version": "1.0.0",
        "capabilities": {"updater": "cictl-wheel"},
    }
    server.heartbeat(**usual)
    assert server.act("update").json["requested"]
    assert server.heartbeat(**usual).update_requested is is_asked
