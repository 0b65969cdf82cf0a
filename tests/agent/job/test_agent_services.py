"""Services that do not become what they should, with a stand-in for the engine; real ones are in `containers`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.engine import StandInEngine
from cictl_testing.agents.thread import AgentThread
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob

from cictl.base.job_parts import ServiceSpec
from cictl_agent.job.containers.container import ContainerUse

RunJob = Callable[[ServiceSpec], ServedJob]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInEngine:
    """A docker that comes first on the path."""
    standing_in = StandInEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", f"{standing_in.bin_dir}{os.pathsep}{os.environ['PATH']}")
    return standing_in


@pytest.fixture
def run(engine: StandInEngine, server: ScriptedServer, tmp_path: Path) -> Iterator[RunJob]:
    """Return a verb that has a job with this service run to its end; the service has half a second to be ready."""
    agent = AgentThread(server, tmp_path / "work", container_use=ContainerUse(ready_seconds=0.5))
    yield lambda service: server.finished(server.enqueue(script="echo step", services=[service]))
    agent.stop()


def test_a_service_that_is_not_ready_in_time_fails_the_job(run: RunJob, engine: StandInEngine) -> None:
    job = run(ServiceSpec(name="db", image="db:1", ready="echo still warming; exit 1"))
    assert job.last.error == 'service "db" is not ready after 0.5 s: still warming'
    assert "[service db] cannot sleep\n" in job.text
    assert "step\n" not in job.text
    assert engine.containers == []


def test_a_service_is_asked_until_it_is_ready_and_no_longer(
    engine: StandInEngine, server: ScriptedServer, agent: AgentThread, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    service = ServiceSpec(name="db", image="db:1", ready=f"echo x >> {asked}; [ $(wc -l < {asked}) = 3 ]")
    job = server.finished(server.enqueue(script="echo step", services=[service]))
    assert job.text.endswith("[service db] is ready\nstep\n")
    assert len(engine.called("exec")) == 3


def test_variables_of_a_service_are_on_no_command_line(run: RunJob, engine: StandInEngine) -> None:
    assert run(ServiceSpec(name="db", image="db:1", env={"PASSWORD": "hunter22"})).last.error == ""
    assert not any("hunter22" in argument for call in engine.calls for argument in call.arguments)
    assert not any("hunter22" in value for call in engine.calls for value in call.environment.values())


def test_a_value_of_several_lines_is_refused(run: RunJob, engine: StandInEngine) -> None:
    job = run(ServiceSpec(name="db", image="db:1", env={"A": "one\ntwo"}))
    assert job.last.error == 'service "db": the value of A has several lines, and no engine takes those'
    assert engine.called("run") == []


def test_a_job_without_an_engine_says_so(
    server: ScriptedServer, agent: AgentThread, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    job = server.finished(server.enqueue(script="true", services=[ServiceSpec(name="db", image="db:1")]))
    assert job.last.error.startswith("docker not found on agent, nor podman")


def test_a_container_that_can_not_be_removed_is_told_and_tried_again(run: RunJob, engine: StandInEngine) -> None:
    engine.fail("rm", "device or resource busy")
    job = run(ServiceSpec(name="db", image="db:1"))
    assert "-service-1 is not removed: device or resource busy\n" in job.text
    engine.mend("rm")
    run(ServiceSpec(name="db", image="db:1"))
    assert engine.containers == []
