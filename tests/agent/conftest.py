from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cictl_testing.agents.ending import EndLate, end_groups_late
from cictl_testing.agents.programs import Programs
from cictl_testing.agents.thread import TEST_JOB, AgentThread
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.redaction import Redactor
from cictl_agent import heartbeat, orders, tools
from cictl_agent.job.containers import container
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JobProcesses
from cictl_client import Client


@pytest.fixture(autouse=True)
def _limits_of_a_loaded_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tools take their time to tell their versions, and agents theirs to say farewell. What is to hang gets a limit of its own."""
    for module, name in (
        (tools, "_KNOWN_SECONDS"),
        (tools, "_OTHER_SECONDS"),
        (container, "_PROBE_SECONDS"),
        (heartbeat, "_CLOSE_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 60.0)
    # The scripted server says nothing twice: an order or a job in an answer that came too late would be lost.
    for call in (Client.heartbeat, Client.lease):
        assert call.__kwdefaults__ is not None
        monkeypatch.setitem(call.__kwdefaults__, "timeout", 60.0)


@pytest.fixture
def _heard_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an agent that ends for a restart wait as long as the server needs to hear why."""
    monkeypatch.setattr(orders, "_SETTLE_SECONDS", 60.0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def agent(server: ScriptedServer, tmp_path: Path) -> Iterator[AgentThread]:
    """An agent that works for the server."""
    running = AgentThread(server, tmp_path / "work")
    yield running
    running.stop()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[JobLog]:
    with JobLog(tmp_path / "spool" / "job.log", Redactor([])) as job_log:
        yield job_log


@pytest.fixture
def interruption() -> Interruption:
    return Interruption()


@pytest.fixture
def processes() -> Iterator[JobProcesses]:
    found = JobProcesses(TEST_JOB)
    yield found
    found.kill_all()
    found.leftovers.close()


@pytest.fixture
def end_late(monkeypatch: pytest.MonkeyPatch) -> EndLate:
    """Return the verb of its type."""
    return partial(end_groups_late, monkeypatch)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Stand-ins for programs of other systems, which are all that PATH leads to."""
    standing_in = Programs(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(standing_in.bin_dir))
    return standing_in
