"""A state that was written before records had specs opens, and means what it meant.

The file beside was written by the code of that time; it holds one pipeline, a run of it that failed, and what that took
along.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.base.job_parts import CacheSpec, SecretRef
from cictl.project_file import Step, Test, VaultUse
from cictl.wire.jobs import Cause, JobSpec, JobStatus, Source
from cictl.wire.jobs import Step as PlannedStep
from cictl.wire.metadata import JobMetadata
from cictl_server.store.records import JobRecord

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECRET = SecretRef(name="token", path="ci/forge", key="token")
ENV = {"TOKEN": "{{ secret.token }}"}
SPEC = JobSpec(
    script="make",
    required_capabilities={"os": "linux"},
    timeout_seconds=60,
    env={"A": "1"},
    artifact_globs=["dist/*"],
    caches=[CacheSpec(id="deps", env="DEPS")],
    source=Source(repo="https://git.example.test/shop.git", ref="main"),
    metadata={
        "project": "shop",
        "project_id": "1",
        "pipeline_id": "build",
        "pipeline_run_id": "run-1",
        "pipeline_job_index": "0",
        "pipeline_job_id": "pack",
    },
    step_plan=[
        PlannedStep(
            index=1,
            total=1,
            name="step 1",
            script="make",
            env=ENV,
            vault_connection="main",
            vault_secrets=[SECRET],
        )
    ],
)


@pytest.fixture
def server(tmp_path: Path) -> RunningServer:
    shutil.copy(Path(__file__).with_name("state_before_job_specs.json"), tmp_path / "state.json")
    return RunningServer(tmp_path)


def test_an_execution_is_read_whole(server: RunningServer) -> None:
    with server.store.read() as view:
        record = view.jobs.find(1)
    assert record == JobRecord(
        **SPEC.planned(),
        number=1,
        status=JobStatus.FAILED,
        created=MOMENT,
        started=MOMENT,
        finished=MOMENT,
        agent_id="a",
        exit_code=1,
        error="exit code 1",
        cause=Cause.STEP_FAILED,
    )


def test_a_definition_is_read_whole(server: RunningServer) -> None:
    with server.store.read() as view:
        pipeline = view.pipelines.find(1)
    assert pipeline is not None
    [job] = pipeline.jobs
    assert job.caches == [CacheSpec(id="deps", env="DEPS")]
    assert job.steps == [
        Step(run="make", env=ENV, vault=VaultUse(connection="main", secrets=[SECRET])),
        Step(test=Test(command="make check", report="out.json")),
    ]


def test_an_execution_runs_again(server: RunningServer) -> None:
    answer = server.post("/api/v1/jobs/job-1/rerun").json
    with server.store.read() as view:
        record, waiting = view.jobs.with_status(JobStatus.QUEUED)
    facts = SPEC.metadata | JobMetadata.entries(JobMetadata.attempt("2"))
    assert (record.id, record.planned()) == (answer["job_execution"]["id"], SPEC.planned() | {"metadata": facts})
    assert ([waiting.id], waiting.is_blocked) == (answer["dependants"], True), "what its failure had ended waits for it"


def test_what_ended_an_execution_is_told_by_its_text(server: RunningServer) -> None:
    assert server.get("/api/v1/jobs/job-2/blocked-by").json == {
        "blocked": True,
        "dependency": {
            "job_execution_id": "job-1",
            "pipeline_id": "build",
            "pipeline_job_id": "pack",
            "reason": "required job pack failed",
        },
    }
