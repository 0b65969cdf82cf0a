"""A state that was written before records had specs opens, and means what it meant.

The file beside was written by the code of that time; it holds one pipeline, a run of it that failed, and what that took
along.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl.base.job_parts import CacheSpec, SecretRef
from cictl.project_file import Step, Test, VaultUse
from cictl.wire.jobs import Cause, JobSpec, JobStatus, Source
from cictl.wire.jobs import Step as PlannedStep
from cictl.wire.metadata import JobMetadata
from cictl_server.store.contract import Transaction
from cictl_server.store.records.jobs import JobRecord

pytestmark = pytest.mark.tinydb

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


def test_artifacts_and_reports_of_an_earlier_version_are_found_replaced_and_removed(tmp_path: Path) -> None:
    """Artifacts counted their uploads then, and reports had no folder of their own."""
    server = RunningServer(tmp_path)
    server.enqueue()
    job = server.running()
    report = {"total": 1, "passed": 1, "failed": 0, "skipped": 0, "coverage": {"format": "lcov"}}
    server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": report})
    artifacts = {"agent_id": "a", "artifacts": [{"path": "f", "data_base64": "eA=="}]}
    server.post(f"/api/v1/jobs/{job.id}/artifacts", artifacts)
    as_before(server, job.id)
    server.restart()
    listed = server.get(f"/api/v1/jobs/{job.id}/artifacts").json["artifacts"]
    assert [a["path"] for a in listed] == ["coverage-report.json", "f", "test-report.json"]
    assert server.get(f"/artifacts/{job.id}/f").content == b"x"
    assert server.get(f"/artifacts/{job.id}/coverage-report.json").json["format"] == "lcov"
    assert server.get(f"/api/v1/jobs/{job.id}/tests").json["report"]["total"] == 1
    server.post(f"/api/v1/jobs/{job.id}/artifacts", artifacts)
    assert not (tmp_path / "artifacts" / job.id / "1").exists()
    server.report(job.id, "succeeded")
    server.services.jobs.removal.flush_history()
    assert not [path for path in tmp_path.rglob(f"{job.id}*") if path.is_dir()]


def as_before(server: RunningServer, job_id: str) -> None:
    """Put records and files of an execution as an earlier version would have them."""
    number = int(job_id.removeprefix("job-"))
    with server.store.read() as view:
        job, artifacts = view.jobs.find(number), view.artifacts.find(number)
    assert job is not None
    assert artifacts is not None
    old_job = msgspec.structs.replace(job, report_generation=0, report_bytes=0)
    old_artifacts = msgspec.structs.replace(artifacts, generation=1, project="")

    def put(tx: Transaction) -> None:
        tx.jobs.put(old_job)
        tx.artifacts.put(old_artifacts)

    server.store.write(put)
    reports, home = (server.directory / kind / job_id for kind in ("reports", "artifacts"))
    for path in (reports / str(job.report_generation)).iterdir():
        path.replace(reports / path.name)
    (reports / str(job.report_generation)).rmdir()
    (home / str(artifacts.generation)).replace(home / "1")
