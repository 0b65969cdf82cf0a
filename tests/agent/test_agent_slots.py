"""An agent that runs several jobs at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer

from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus
from cictl_agent.config import ConfigError, load_config
from cictl_agent.job.workspace import Workspaces
from cictl_agent.system.service_managers import SystemdService

HOLD = "pwd > ../../$CICTL_JOB_EXECUTION_ID; echo ready; until [ -e ../../go ]; do sleep 0.02; done"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer(features=(*FEATURES, "slots"))
    yield scripted
    scripted.close()


@pytest.fixture
def agent(server: ScriptedServer, tmp_path: Path) -> Iterator[AgentThread]:
    running = AgentThread(server, tmp_path / "work", slots=3, service=SystemdService("x.service"))
    yield running
    running.stop()


def hold(server: ScriptedServer) -> str:
    """Begin a job that runs until there is a file `go` in the work directory."""
    job_id = server.enqueue(script=HOLD, metadata={"pipeline_job_id": "same"})
    server.begun(job_id, "ready")
    return job_id


def release(agent: AgentThread) -> None:
    (agent.config.work_dir / "go").touch()


def test_jobs_run_side_by_side_each_in_a_workspace_of_its_own(server: ScriptedServer, agent: AgentThread) -> None:
    jobs = [hold(server) for _ in range(3)]
    # They are named slot by slot, and any slot may have taken the first job.
    eventually(lambda: set(server.heartbeats[-1].running_job_ids or ()) == set(jobs), what="a heartbeat that names all")
    assert server.heartbeats[-1].slots == 3
    assert len({(agent.config.work_dir / job_id).read_text() for job_id in jobs}) == 3
    waiting = server.enqueue()
    assert waiting not in server.jobs
    release(agent)
    for job_id in (*jobs, waiting):
        assert server.finished(job_id).status is JobStatus.SUCCEEDED
    assert {lease.slots for lease in server.leases} == {3}
    assert {lease.slot for lease in server.leases} == {1, 2, 3}


def test_one_request_waits_at_the_server_for_all_slots(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    eventually(lambda: len(server.heartbeats) > 2, what="some time")
    assert len(server.leases) == 1


def test_a_lost_answer_is_asked_for_again_by_its_own_slot(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    server.lose_answers("agent/lease")
    server.enqueue()
    eventually(lambda: len(server.leases) == 2, what="the next lease")
    first, again = server.leases[:2]
    assert (first.slot, first.request_id) == (again.slot, again.request_id)


def test_a_cancelled_job_ends_alone(server: ScriptedServer, agent: AgentThread) -> None:
    first, second = hold(server), hold(server)
    server.cancel(first)
    assert server.finished(first).last.error == "job marked failed on server: cancelled by user"
    release(agent)
    assert server.finished(second).status is JobStatus.SUCCEEDED


def test_a_stopped_agent_stops_all_its_jobs(server: ScriptedServer, agent: AgentThread) -> None:
    jobs = [hold(server), hold(server)]
    agent.stop()
    assert [server.finished(job_id).last.error for job_id in jobs] == ["agent stopped"] * 2


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(HeartbeatResponse(accepted=True, restart_requested=True), id="restart"),
        pytest.param(HeartbeatResponse(accepted=True, wipe_cache_requested=True), id="wipe"),
    ],
)
def test_orders_wait_for_all_jobs_and_no_other_begins_meanwhile(
    server: ScriptedServer, agent: AgentThread, order: HeartbeatResponse
) -> None:
    kept = agent.config.cache_dir / "deps"
    kept.mkdir(parents=True)
    jobs = [hold(server), hold(server), hold(server)]
    server.orders.append(order)
    eventually(lambda: server.heartbeats[-1].draining, what="the news that no job is taken")
    asked = len(server.leases)
    server.cancel(jobs[0])
    server.finished(jobs[0])
    beats = len(server.heartbeats)
    eventually(lambda: len(server.heartbeats) > beats + 1, what="some time")
    assert len(server.leases) == asked
    assert kept.exists()
    release(agent)
    if order.restart_requested:
        agent.join()
        return
    eventually(lambda: not kept.exists(), what="the wipe")
    eventually(lambda: not server.heartbeats[-1].draining, what="the news that jobs are taken")
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED


def test_a_reference_server_gets_one_job_done_at_a_time_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = ScriptedServer(features=())
    agent = AgentThread(server, tmp_path / "work", slots=2)
    first, second = hold(server), server.enqueue()
    eventually(lambda: len(server.heartbeats) > 2, what="some time")
    assert second not in server.jobs
    release(agent)
    server.finished(first)
    server.finished(second)
    agent.stop()
    server.close()
    assert {(lease.slot, lease.slots) for lease in server.leases} == {(0, 0)}
    assert caplog.text.count("one job at a time") == 1


def test_a_workspace_is_used_again_once_it_is_free(tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path)
    with workspaces.claim("w") as first, workspaces.claim("w") as second, workspaces.claim("x") as other:
        assert [path.name for path in (first, second, other)] == ["w", "w_2", "x"]
    with workspaces.claim("w") as again:
        assert again == first


@pytest.mark.parametrize("text", ["0", "-1", "many", "101"])
def test_unusable_number_of_slots_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--slots, CICTL_AGENT_SLOTS.*{text}"):
        load_config({"CICTL_AGENT_SLOTS": text})


def test_a_flag_wins_over_the_setting() -> None:
    assert load_config({"CICTL_AGENT_SLOTS": "2"}).slots == 2
    assert load_config({"CICTL_AGENT_SLOTS": "2"}, slots=4).slots == 4
    assert load_config({}).slots == 1
