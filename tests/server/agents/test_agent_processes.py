"""Two processes with the id of one agent: which one works, and who learns of it."""

from __future__ import annotations

from datetime import UTC, datetime

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import GREETING, Agent, AgentProcess, AgentResponse, HeartbeatRequest, LeaseRequest

GREETED = f"{GREETING} (pid=7)"


def process(pid: int, *, host: str = "alpha", work_dir_id: str = "w1") -> AgentProcess:
    """Return a process; those with a higher *pid* began later."""
    return AgentProcess(
        pid=pid, host=host, work_dir_id=work_dir_id, started_utc=datetime(2026, 3, 1, 11, 0, pid, tzinfo=UTC)
    )


FIRST = process(1)
AGAIN = process(2)
SECOND = process(3, host="beta", work_dir_id="w2")


def beat(server: RunningServer, sender: AgentProcess) -> falcon.testing.Result:
    request = HeartbeatRequest(agent_id="a", process=sender)
    return server.post("/api/v1/heartbeat", request, headers={"Accept": "application/json"})


def shown(server: RunningServer) -> Agent:
    return server.read(AgentResponse, "/api/v1/agents/a").agent


def test_the_second_process_with_one_id_is_refused_and_both_are_named(server: RunningServer) -> None:
    server.heartbeat(process=FIRST)
    refused = beat(server, SECOND)
    assert (refused.status_code, refused.json["code"]) == (409, "agent_id_in_use")
    assert refused.json["title"] == f"agent id a is in use by {FIRST.told}; so {SECOND.told} is refused"
    assert "--id NAME" in refused.json["hint"]
    assert server.heartbeat(process=FIRST).rival == SECOND
    assert (shown(server).process, shown(server).rival) == (FIRST, SECOND)
    assert SECOND.told in shown(server).recent_log[-2]


def test_the_refused_process_gets_no_job(server: RunningServer) -> None:
    server.enqueue()
    server.heartbeat(process=FIRST)
    lease = server.post("/api/v1/agent/lease", LeaseRequest(agent_id="a", process=SECOND))
    assert lease.status_code == 409
    assert server.lease(process=FIRST).assigned


def test_an_agent_that_was_killed_and_started_again_goes_on_at_once(server: RunningServer) -> None:
    server.enqueue()
    server.heartbeat(process=FIRST)
    job = server.running()
    server.heartbeat(process=AGAIN, restart_status=GREETED)
    lost = server.job(job.id)
    assert (
        lost.error == f"agent lost: it has started anew ({AGAIN.told}), after {FIRST.told}, while this job was running"
    )
    assert beat(server, FIRST).status_code == 409


def test_a_lease_that_the_process_before_took_is_given_again_at_once(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.heartbeat(process=FIRST)
    assert server.lease(process=FIRST, request_id="r1").assigned
    server.heartbeat(process=AGAIN)
    given = server.lease(process=AGAIN, request_id="r2").job_execution
    assert given is not None
    assert given.id == job_id
    assert not server.lease(process=AGAIN, request_id="r3").assigned


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same server", "server restarted"])
def test_another_process_takes_over_once_the_first_is_offline(server: RunningServer, is_restarted: bool) -> None:
    server.heartbeat(process=FIRST)
    if is_restarted:
        server.clock.step(3600)
        server.restart()
    server.clock.step(60)
    assert beat(server, SECOND).status_code == 409
    server.clock.step(1)
    assert beat(server, SECOND).status_code == 200
    assert shown(server).process == SECOND
    assert beat(server, FIRST).status_code == 409


def test_a_process_that_ends_in_good_order_leaves_its_id_to_the_next(server: RunningServer) -> None:
    server.heartbeat(process=FIRST)
    server.act("refresh-tools")
    assert not server.heartbeat(process=FIRST, leaving=True).refresh_tools_requested
    assert shown(server).process is None
    assert server.heartbeat(process=SECOND).refresh_tools_requested


def test_the_log_of_an_agent_of_ours_calls_it_none_of_the_references(server: RunningServer) -> None:
    server.heartbeat(process=FIRST, restart_status=GREETED)
    assert shown(server).recent_log[-1].endswith("agent restart status: agent has (re)started (pid=7)")


def test_a_clone_of_the_work_directory_on_another_host_does_not_take_over(server: RunningServer) -> None:
    server.heartbeat(process=FIRST)
    assert beat(server, process(9, host="gamma")).status_code == 409


def test_agents_that_do_not_tell_their_process_are_never_refused(server: RunningServer) -> None:
    server.heartbeat(process=FIRST)
    assert server.heartbeat().accepted
    assert server.lease().message == "no matching queued job"
    assert shown(server).process is None


def test_a_job_lost_beside_a_refused_process_names_it(server: RunningServer) -> None:
    server.enqueue()
    server.heartbeat(process=FIRST)
    job = server.running()
    server.clock.step(170)
    beat(server, SECOND)
    server.clock.step(10)
    server.services.jobs.expiry.run_once()
    assert SECOND.told in server.job(job.id).error
