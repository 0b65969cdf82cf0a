"""Two processes with the id of one agent, as each of them sees it, and the ids that agents choose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer

from cictl.wire.agents import AgentProcess, HeartbeatResponse
from cictl.wire.problems import Code, Problem
from cictl_agent.config import DEFAULT_WORK_DIR, load_config

REFUSAL = Problem(title="agent id a is in use by pid 1 on h", status=409, code=Code.AGENT_ID_IN_USE, hint="use --id")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer(features=(*FEATURES, "agent-process"))
    yield scripted
    scripted.close()


def test_every_request_tells_the_process_and_the_last_one_that_it_leaves(
    server: ScriptedServer, tmp_path: Path
) -> None:
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: server.leases, what="a lease")
    agent.stop()
    process = server.heartbeats[0].process
    assert process is not None
    assert process == server.leases[0].process == server.heartbeats[-1].process
    assert [heartbeat.leaving for heartbeat in server.heartbeats[-2:]] == [False, True]
    again = AgentThread(server, tmp_path / "work")
    eventually(lambda: not server.heartbeats[-1].leaving, what="the next process")
    again.stop()
    assert server.heartbeats[-1].process is not None
    assert server.heartbeats[-1].process.follows(process)


def test_a_refused_process_runs_nothing_and_says_once_what_to_do(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse_next("heartbeat", REFUSAL, times=1000)
    server.enqueue()
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: server.requests.count("POST heartbeat") > 1, what="a second attempt")
    agent.stop()
    assert server.leases == []
    assert caplog.text.count("no work for this agent: agent id a is in use by pid 1 on h; use --id; trying again") == 1


def test_a_process_that_loses_the_id_stops_its_job_and_goes_on_once_it_has_it_back(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    agent = AgentThread(server, tmp_path / "work")
    job_id = server.enqueue(script="echo ready; sleep 1000")
    server.begun(job_id, "ready")
    server.refuse_next("heartbeat", REFUSAL)
    assert server.finished(job_id).last.error == "another process has the id of this agent"
    server.finished(server.enqueue())
    agent.stop()
    assert caplog.text.count("the id is free, this agent works from now on agent=a") == 1


def test_the_first_process_names_the_second_in_its_log_once(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = AgentThread(server, tmp_path / "work")
    rival = AgentProcess(pid=77, host="h", started_utc=agent.agent._clock())
    server.orders += [HeartbeatResponse(accepted=True, rival=rival)] * 2
    eventually(lambda: not server.orders and len(server.heartbeats) > 2, what="both answers")
    agent.stop()
    assert caplog.text.count(f"a second process with the id of this agent is refused agent=a: {rival.told}") == 1


def test_default_ids_of_agents_with_directories_of_their_own_differ(tmp_path: Path) -> None:
    usual = load_config({}).agent_id
    ids = {load_config({}, work_dir=tmp_path / name).agent_id for name in ("x", "y")}
    assert len(ids) == 2
    assert all(agent_id.startswith(f"{usual}-") for agent_id in ids)
    assert load_config({}, work_dir=DEFAULT_WORK_DIR.absolute()).agent_id == usual


def test_a_work_directory_above_this_one_is_named_without_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert load_config({}, work_dir=Path("../work")).work_dir == tmp_path / "work", "sources are found below it"
    assert load_config({"CICTL_AGENT_WORKDIR": "x/../work"}).work_dir == tmp_path / "deep" / "work"
