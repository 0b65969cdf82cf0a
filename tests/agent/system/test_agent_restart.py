"""Restarting an agent that is a service: it ends, and the service manager starts it anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.wire.agents import HeartbeatResponse
from cictl.wire.jobs import JobStatus
from cictl_agent.system.service_managers import SystemdService

RESTART = HeartbeatResponse(accepted=True, restart_requested=True)
SELF_EXIT = "restart via systemd self-exit requested (x.service)"


@pytest.fixture
def service(server: ScriptedServer, tmp_path: Path) -> Iterator[AgentThread]:
    running = AgentThread(server, tmp_path / "work", service=SystemdService("x.service"))
    yield running
    running.stop()


def remarks(server: ScriptedServer) -> list[str]:
    return [heartbeat.restart_status for heartbeat in server.heartbeats if heartbeat.restart_status][1:]


def test_service_says_that_it_is_one(server: ScriptedServer, service: AgentThread) -> None:
    eventually(lambda: server.leases, what="a lease")
    assert server.leases[0].capabilities["run_mode"] == "service"


@pytest.mark.usefixtures("_heard_before_the_end")
def test_idle_service_tells_the_server_and_ends(server: ScriptedServer, service: AgentThread) -> None:
    server.orders.append(RESTART)
    service.join()
    assert remarks(server) == [SELF_EXIT]


@pytest.mark.usefixtures("_heard_before_the_end")
def test_busy_service_finishes_its_job_and_wipes_before_it_ends(server: ScriptedServer, service: AgentThread) -> None:
    job_id = server.enqueue(script="echo ready; while [ ! -e ../../go ]; do sleep 0.02; done")
    server.begun(job_id, "ready")
    kept = service.config.cache_dir / "deps"
    kept.mkdir(parents=True)
    server.orders += [RESTART, HeartbeatResponse(accepted=True, wipe_cache_requested=True)]
    server.obeyed()
    eventually(lambda: remarks(server), what="the answer")
    assert remarks(server) == ["restart deferred: agent busy with active job"]
    (service.config.work_dir / "go").touch()
    service.join()
    assert server.finished(job_id).status is JobStatus.SUCCEEDED
    assert remarks(server)[1:] == [SELF_EXIT]
    assert not kept.exists()


def test_job_that_comes_while_the_service_ends_is_not_begun(
    server: ScriptedServer, service: AgentThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr("cictl_agent.heartbeat.Heartbeat.settle", lambda self, seconds: may_end.wait(60))
    eventually(lambda: server.leases, what="the request that waits")
    server.orders.append(RESTART)
    eventually(lambda: remarks(server), what="the answer")
    job_id = server.enqueue(script="true")
    eventually(lambda: job_id in server.jobs, what="the lease")
    may_end.set()
    service.join()
    assert server.jobs[job_id].reports == []


def test_service_ends_although_the_server_does_not_hear_why(
    server: ScriptedServer, service: AgentThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("cictl_agent.heartbeat.Heartbeat.settle", lambda self, seconds: waits.append(seconds))
    server.orders.append(RESTART)
    service.join()
    assert waits == [5]


def test_service_cannot_update_itself(server: ScriptedServer, service: AgentThread) -> None:
    server.orders.append(HeartbeatResponse(accepted=True, update_requested=True))
    failure = eventually(lambda: [h.update_failure for h in server.heartbeats if h.update_failure], what="the answer")
    assert failure == ["agent is not running as a service; self-update disabled"]
