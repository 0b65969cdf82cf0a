"""What the agent and the real server settle between them: who holds a job, and where its log ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.processes import eventually
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import LocalServer

from cictl.wire.jobs import JobExecution
from cictl.wire.results.artifacts import ArtifactList
from cictl_server.app import create_app

LIMIT = 64 << 10


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path / "data", settings={"max_log_bytes": LIMIT})
    yield server
    server.close()


@pytest.fixture
def working(real: RunningServer, tmp_path: Path) -> Iterator[None]:
    """An agent that works for the server."""
    listening = LocalServer(create_app(real.services))
    listening.start()
    agent = AgentThread(listening, tmp_path / "work")
    yield
    agent.stop()
    real.services.core.hub.close()
    listening.close()


def queued(server: RunningServer, script: str) -> str:
    job = f'[{{id: j, artifacts: ["kept"], steps: [{{run: "{script}"}}]}}]'
    answer = server.post(f"/api/v1/pipelines/{server.define(job)}/run-selection", {})
    return str(answer.json["job_execution_ids"][0])


def over(server: RunningServer, job_id: str) -> JobExecution:
    eventually(lambda: server.job(job_id).status.is_terminal, what="the end of the job")
    return server.job(job_id)


@pytest.mark.usefixtures("working")
def test_a_job_of_a_token_is_reported_on_by_its_agent_alone(real: RunningServer, tmp_path: Path) -> None:
    job_id = queued(real, f"echo > kept; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    eventually(lambda: real.job(job_id).status == "running", what="the start of the job")
    assert real.report(job_id, "succeeded", "a").status_code == 409
    (tmp_path / "go").touch()
    assert over(real, job_id).status == "succeeded"
    [artifact] = real.read(ArtifactList, f"/api/v1/jobs/{job_id}/artifacts").artifacts or []
    assert artifact.path == "kept"


@pytest.mark.usefixtures("working")
def test_a_job_whose_log_passes_the_limit_ends_as_any_other(
    real: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    ended = over(real, queued(real, "echo > kept; seq 1 200000"))
    assert (ended.status, ended.error) == ("succeeded", "")
    log = real.log(ended.id).decode()
    assert len(log) <= LIMIT + 100
    assert log.endswith("\n[control] log limit of 64KiB reached; the rest is not kept")
    assert [r.getMessage() for r in caplog.records if "the server keeps no more of the log" in r.getMessage()]
    assert not [r for r in caplog.records if "differs from its agent's" in r.getMessage()]
