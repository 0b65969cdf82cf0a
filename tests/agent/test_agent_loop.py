"""The agent's life: heartbeats, leases, orders, cancels, outages, its end."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.files import git, make_repository
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer, nth_job_id

from cictl.wire.agents import AGENT_DEACTIVATED, HeartbeatResponse, LeaseResponse
from cictl.wire.jobs import JobStatus
from cictl_agent.agent import Agent
from cictl_agent.config import AgentConfig, ConfigError, load_config

LINES = 20_000
COUNT = f"seq -f 'line %.0f of the log, grün' 1 {LINES}"
COUNTED = "".join(f"line {n} of the log, grün\n" for n in range(1, LINES + 1))


def test_first_heartbeat_greets_and_the_next_ones_do_not(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: len(server.heartbeats) > 1, what="a second heartbeat")
    first, second = server.heartbeats[:2]
    assert first.restart_status == f"ciwi agent has (re)started (pid={os.getpid()})"
    assert second.restart_status == ""
    assert (first.agent_id, first.capabilities["executor"]) == ("a", "script")
    assert first.capabilities["shells"].startswith("posix")
    assert first.capabilities["cictl.steps"] == "1"


def test_greeting_is_repeated_until_it_was_answered(server: ScriptedServer, tmp_path: Path) -> None:
    server.lose_answers("heartbeat", times=1)
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: len(server.heartbeats) > 1, what="a second heartbeat")
    agent.stop()
    assert [h.restart_status != "" for h in server.heartbeats[:2]] == [True, True]


def test_nothing_is_leased_before_the_greeting_was_answered(server: ScriptedServer, tmp_path: Path) -> None:
    server.fail_next("heartbeat", times=1)
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: server.leases, what="a lease")
    agent.stop()
    order = [request for request in server.requests if "heartbeat" in request or "lease" in request]
    assert order[:2] == ["POST heartbeat", "POST heartbeat"]


def test_tools_are_offered_when_leasing(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    capabilities = server.leases[0].capabilities
    assert capabilities["tool.git"].startswith("2.")
    assert capabilities["run_mode"] == "manual"


def test_labels_are_offered_beside_the_facts(server: ScriptedServer, tmp_path: Path) -> None:
    environment = {"CICTL_AGENT_LABELS": "zone=eu,gpu=t4"}
    by_setting, by_flag = load_config(environment).labels, load_config(environment, labels=["gpu=a100"]).labels
    agent = AgentThread(server, tmp_path / "work", labels={**by_flag, "os": "plan9"})
    eventually(lambda: server.leases, what="a lease")
    agent.stop()
    assert (by_setting, by_flag) == ({"zone": "eu", "gpu": "t4"}, {"gpu": "a100"})
    capabilities = server.leases[0].capabilities
    assert (capabilities["gpu"], capabilities["os"]) == ("a100", "linux")
    assert server.heartbeats[0].capabilities["gpu"] == "a100"


def test_lease_waits_at_the_server_and_a_job_is_taken_at_once(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    server.finished(server.enqueue())
    assert server.leases[0].wait_seconds == 20
    eventually(lambda: len(server.leases) == 2, what="the next lease")
    assert server.leases[0].request_id != server.leases[1].request_id


def test_lease_whose_answer_was_lost_is_repeated_as_the_same_request(
    server: ScriptedServer, agent: AgentThread
) -> None:
    eventually(lambda: server.leases, what="a lease")
    server.lose_answers("agent/lease")
    server.enqueue()
    eventually(lambda: len(server.leases) == 2, what="the next lease")
    assert server.leases[0].request_id == server.leases[1].request_id


def test_reference_server_is_polled_without_waiting(tmp_path: Path) -> None:
    server = ScriptedServer(features=())
    agent = AgentThread(server, tmp_path / "work")
    server.finished(server.enqueue())
    agent.stop()
    server.close()
    assert all(lease.wait_seconds == 0 for lease in server.leases)


def test_deactivated_agent_goes_on_asking_and_says_so_once(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.lease_answers += [LeaseResponse(assigned=False, message=AGENT_DEACTIVATED)] * 2
    agent = AgentThread(server, tmp_path / "work")
    server.finished(server.enqueue())
    agent.stop()
    assert caplog.text.count("the agent is deactivated") == 1


def test_agent_waits_for_a_server_that_is_not_there_yet(
    server: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    agent = AgentThread(server, tmp_path / "work")
    eventually(lambda: "heartbeat failed" in caplog.text, what="the remark")
    server.start()
    job = server.finished(server.enqueue())
    agent.stop()
    assert job.status is JobStatus.SUCCEEDED
    assert caplog.text.count("heartbeat failed") == 1


def test_cancelled_job_is_stopped_and_reported(server: ScriptedServer, agent: AgentThread) -> None:
    job_id = server.enqueue(script="echo ready; sleep 1000")
    server.begun(job_id, "ready")
    server.cancel(job_id)
    last = server.finished(job_id).last
    assert (last.status, last.error) == ("failed", "job marked failed on server: cancelled by user")
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED


def test_heartbeat_names_the_running_job_and_its_answer_can_stop_it(server: ScriptedServer, agent: AgentThread) -> None:
    job_id = server.enqueue(script="sleep 1000")
    eventually(
        lambda: server.heartbeats[-1:] and server.heartbeats[-1].running_job_ids == [job_id], what="the job's name"
    )
    server.orders.append(HeartbeatResponse(accepted=True, cancel_job_ids=[job_id], refresh_tools_requested=True))
    assert server.finished(job_id).last.error == "job is over on server"


def test_stopped_agent_stops_its_job_and_reports_it(server: ScriptedServer, agent: AgentThread) -> None:
    job_id = server.enqueue(script="echo ready; sleep 1000")
    server.begun(job_id, "ready")
    agent.stop()
    last = server.finished(job_id).last
    assert (last.status, last.error) == ("failed", "agent stopped")


def test_idle_agent_stops_although_its_lease_is_held(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    agent.stop()
    assert len(server.leases) == 1


@pytest.mark.weakness("A12.2b")
def test_wipes_wait_for_the_running_job_and_come_before_the_restart(server: ScriptedServer, agent: AgentThread) -> None:
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.05; done")
    server.begun(job_id, "ready")
    kept = agent.config.cache_dir / "deps"
    kept.mkdir(parents=True)
    server.orders.append(
        HeartbeatResponse(
            accepted=True,
            wipe_cache_requested=True,
            flush_job_history_requested=True,
            restart_requested=True,
            refresh_tools_requested=True,
            update_requested=True,
        )
    )
    eventually(
        lambda: any(h.restart_status.startswith("restart unavailable") for h in server.heartbeats), what="answer"
    )
    assert any(h.update_failure.endswith("self-update disabled") for h in server.heartbeats)
    assert kept.exists()
    (agent.config.work_dir / "go").touch()
    server.finished(job_id)
    eventually(lambda: not kept.exists(), what="the wipe")
    # The directory itself goes for a moment while it is emptied.
    eventually(lambda: not list(agent.config.workspaces_dir.glob("*")), what="the flush")


def test_only_the_agents_account_can_read_its_work_directory(server: ScriptedServer, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "spool").mkdir(parents=True)
    for folder in (work, work / "spool"):
        folder.chmod(0o777)
    (work / "agent.lock").touch()
    (work / "work-dir.id").write_text("c0ffee\n")
    for file in (work / "agent.lock", work / "work-dir.id"):
        file.chmod(0o666)
    agent = AgentThread(server, work)
    try:
        job = server.finished(server.enqueue(script=f"stat -c '%a %n' {work} {work}/spool {work}/*.* {work}/spool/*"))
    finally:
        agent.stop()
    modes = {Path(line[4:]).name: line[:3] for line in job.text.splitlines() if line[:3].isdecimal()}
    # The user of a container writes into the last one, and the agent reads it; `spool` keeps everybody else out.
    of_the_job = f"{nth_job_id(1)}.files"
    assert {name: mode for name, mode in modes.items() if mode != "600"} == {
        "work": "700",
        "spool": "700",
        of_the_job: "755",
    }
    assert {"agent.lock", "work-dir.id", f"{job.execution.id}.log"} <= modes.keys()


def test_git_ignores_a_work_directory_in_a_checkout(server: ScriptedServer, tmp_path: Path) -> None:
    checkout = make_repository(tmp_path / "shop", {"a.txt": "a"})
    agent = AgentThread(server, checkout / ".cictl-agent" / "work")
    try:
        eventually(lambda: server.heartbeats, what="the agent")
        assert git(checkout, "status", "--porcelain") == ""
    finally:
        agent.stop()


def test_work_directory_belongs_to_one_agent(server: ScriptedServer, agent: AgentThread) -> None:
    eventually(lambda: server.heartbeats, what="the first agent")
    config = AgentConfig(agent_id="b", work_dir=agent.config.work_dir, server_url=server.url)
    with pytest.raises(ConfigError, match="another agent works in"):
        Agent(config).run(threading.Event())


@pytest.mark.weakness("A12.4")
def test_log_is_byte_identical_through_lost_answers_and_refusals(server: ScriptedServer, agent: AgentThread) -> None:
    server.lose_answers("/status", times=3)
    server.fail_next("/status", times=2, status=503)
    job = server.finished(server.enqueue(script=COUNT))
    assert job.text.endswith(COUNTED)
    assert job.last.output_sha256 == hashlib.sha256(job.log).hexdigest()


def test_log_is_byte_identical_through_a_restart_of_the_server(server: ScriptedServer, agent: AgentThread) -> None:
    script = f"echo ready; while [ ! -e ../../go ]; do sleep 0.02; done; {COUNT}; touch ../../done"
    job_id = server.enqueue(script=script)
    server.begun(job_id, "ready")
    server.stop()
    (agent.config.work_dir / "go").touch()
    eventually(lambda: (agent.config.work_dir / "done").exists(), what="the end of the script")
    server.start()
    job = server.finished(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert job.text.endswith("ready\n" + COUNTED)


def test_log_that_the_server_lost_is_sent_again(server: ScriptedServer, agent: AgentThread) -> None:
    job_id = server.enqueue(script=f"echo '€ ready'; while [ ! -e ../../go ]; do sleep 0.02; done; {COUNT}")
    job = server.begun(job_id, "ready")
    del job.log[job.log.index("€".encode()) + 1 :]
    (agent.config.work_dir / "go").touch()
    assert server.finished(job_id).text.endswith("€ ready\n" + COUNTED)


def test_pieces_that_are_too_large_for_the_server_become_smaller(server: ScriptedServer, agent: AgentThread) -> None:
    server.largest_body = 100_000
    job = server.finished(server.enqueue(script=COUNT))
    assert job.text.endswith(COUNTED)
    assert job.last.runtime_capabilities


def test_pieces_of_the_log_are_small_and_follow_each_other(server: ScriptedServer, agent: AgentThread) -> None:
    job = server.finished(server.enqueue(script=f"for i in 1 2 3; do {COUNT}; done"))
    pieces = [r for r in job.reports if r.output_append]
    assert len(pieces) > 5
    assert all(len(piece.output_append.encode()) <= 1 << 18 for piece in pieces)


def test_reference_server_gets_snapshots_of_the_logs_end(tmp_path: Path) -> None:
    server = ScriptedServer(features=())
    agent = AgentThread(server, tmp_path / "work")
    job = server.finished(server.enqueue(script=COUNT))
    agent.stop()
    server.close()
    assert len(job.log) in range(524_285, 524_289)
    assert job.text.endswith(COUNTED[-100_000:])
    assert not any(r.output_append or r.output_sha256 for r in job.reports)


@pytest.mark.weakness("A12.2a")
@pytest.mark.parametrize("features", [(), ("log-append",)], ids=["reference", "ours"])
def test_end_of_a_job_is_reported_through_an_outage(features: tuple[str, ...], tmp_path: Path) -> None:
    server = ScriptedServer(features=features)
    agent = AgentThread(server, tmp_path / "work")
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done; touch ../../done")
    server.begun(job_id)
    server.fail_next("/status", times=3, status=502)
    (agent.config.work_dir / "go").touch()
    job = server.finished(job_id)
    agent.stop()
    server.close()
    assert job.status is JobStatus.SUCCEEDED
    assert job.text.endswith("ready\n")


def test_job_that_the_server_does_not_know_any_more_is_dropped(server: ScriptedServer, agent: AgentThread) -> None:
    server.fail_next("/status", status=400, text="job not found")
    server.enqueue(script="touch ../../ran")
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED
    assert not (agent.config.work_dir / "ran").exists()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(404, "404 page not found", id="404"),
        pytest.param(409, "Conflict", id="409"),
        pytest.param(403, "Forbidden", id="403"),
        pytest.param(200, "<html>Sign in", id="200"),
    ],
)
def test_words_of_a_proxy_end_no_job(server: ScriptedServer, agent: AgentThread, status: int, text: str) -> None:
    server.fail_next("/status", status=status, text=text, times=2)
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.05; done; echo done")
    server.begun(job_id, "ready")
    server.fail_next("/jobs/", status=status, text=text, times=4)
    (agent.config.work_dir / "go").touch()
    job = server.finished(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert "ready\ndone\n" in job.text


def test_lease_is_held_no_longer_than_a_proxy_waits(server: ScriptedServer, agent: AgentThread) -> None:
    server.fail_next("agent/lease", status=504, text="Gateway Timeout", times=2)
    eventually(lambda: server.leases and server.leases[-1].wait_seconds == 5, what="a lease that is held for less")
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED


@pytest.mark.weakness("A12.4")
def test_start_that_cannot_be_reported_at_once_is_reported_later(server: ScriptedServer, agent: AgentThread) -> None:
    server.fail_next("/status", times=2)
    assert server.finished(server.enqueue()).status is JobStatus.SUCCEEDED
