"""How long finished runs, their logs and their artifacts are kept."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.admin.retention import RetentionCounts, RetentionPolicies
from cictl_server.errors import StoreError
from cictl_server.services.retention.retention import RetentionService
from cictl_server.store.contract import Transaction
from cictl_server.store.records.runs import RunRecord

DAY = 24 * 3600


@pytest.fixture
def build(server: RunningServer) -> int:
    """A pipeline whose runs are one job."""
    return server.define('[{id: make, artifacts: ["*"], steps: [{run: x}]}]')


def ran(server: RunningServer, pipeline: int, status: str = "succeeded", *, agent: str = "a") -> str:
    """Run the pipeline to its end, with a log and an artifact of ten bytes each, and return the job's id."""
    [job_id] = server.run(pipeline)
    assert server.running(agent).id == job_id
    server.report(job_id, "running", agent_id=agent, output_append="0123456789", output_offset=0)
    upload = {"agent_id": agent, "artifacts": [{"path": "f", "data_base64": "MDEyMzQ1Njc4OQ=="}]}
    assert server.post(f"/api/v1/jobs/{job_id}/artifacts", upload).status_code == 200
    server.report(job_id, status, agent_id=agent)
    server.clock.step(60)
    return job_id


def keep(server: RunningServer, **limits: Any) -> RetentionPolicies:
    answer = server.post("/api/v1/retention", limits)
    assert answer.status_code == 200, answer.text
    return server.read(RetentionPolicies, "/api/v1/retention")


def preview(server: RunningServer) -> RetentionCounts:
    return server.read(RetentionCounts, "/api/v1/retention/preview")


def clean(server: RunningServer) -> None:
    """Remove what may go, and check that the preview had told it."""
    planned = preview(server)
    assert server.post("/api/v1/retention/run").json == {
        "runs": planned.runs,
        "jobs": planned.jobs,
        "logs": planned.logs,
        "artifacts": planned.artifacts,
        "bytes": planned.bytes,
    }
    assert preview(server).runs == 0


def left(server: RunningServer) -> list[str]:
    return [job["id"] for job in reversed(server.get("/api/v1/jobs").json["job_executions"])]


def files(server: RunningServer, job_id: str) -> list[Path]:
    return [path for path in server.directory.rglob(f"{job_id}*") if path.suffix != ".index"]


def test_by_default_a_thousand_runs_and_ninety_days_of_artifacts(server: RunningServer) -> None:
    assert server.get("/api/v1/retention").json == {
        "default": {"keep_runs": 1000, "keep_days": 0, "artifact_days": 90, "log_days": 0}
    }


def test_old_runs_go_with_their_files(server: RunningServer, build: int) -> None:
    ids = [ran(server, build) for _ in range(5)]
    keep(server, keep_runs=2)
    found = preview(server)
    assert (found.runs, found.jobs, found.logs, found.artifacts, found.bytes) == (3, 3, 3, 3, 60)
    clean(server)
    assert left(server) == ids[3:]
    assert not [path for job_id in ids[:3] for path in files(server, job_id)]
    assert all(files(server, job_id) for job_id in ids[3:])


def test_runs_of_each_pipeline_are_counted_apart(server: RunningServer) -> None:
    jobs = "jobs: [{id: x, steps: [{run: y}]}]"
    two = server.define_project(f"pipelines: [{{id: a, {jobs}}}, {{id: b, {jobs}}}]")
    ids = [ran(server, pipeline) for pipeline in two.values() for _ in range(2)]
    keep(server, keep_runs=1)
    clean(server)
    assert left(server) == [ids[1], ids[3]]


def test_what_is_too_old_goes(server: RunningServer, build: int) -> None:
    old = ran(server, build)
    server.clock.step(10 * DAY)
    young = ran(server, build)
    keep(server, keep_days=10)
    clean(server)
    assert left(server) == [young]
    assert server.get(f"/api/v1/jobs/{old}").status_code == 404


def test_artifacts_and_logs_go_before_the_run(server: RunningServer, build: int) -> None:
    old, young = ran(server, build), ran(server, build)
    server.clock.step(91 * DAY)
    newest = ran(server, build)
    keep(server, log_days=91)
    found = preview(server)
    assert (found.runs, found.logs, found.artifacts) == (0, 2, 2)
    clean(server)
    assert left(server) == [old, young, newest]
    assert server.get(f"/api/v1/jobs/{old}/artifacts").json == {"artifacts": []}
    assert server.get(f"/artifacts/{old}/f").status_code == 404
    assert server.log(old).decode() == f"[control] retention removed this log on {server.clock.now:%Y-%m-%d}\n"
    view = server.job(old)
    assert (view.log_removed_utc, view.artifacts_removed_utc) == (server.clock.now, server.clock.now)
    assert not files(server, old)
    assert preview(server).logs == 0, "what is gone does not go again"


def test_the_newest_success_of_each_branch_stays(server: RunningServer, build: int) -> None:
    success = ran(server, build)
    failures = [ran(server, build, "failed") for _ in range(3)]
    keep(server, keep_runs=1, keep_days=1, artifact_days=1, log_days=1)
    server.clock.step(100 * DAY)
    clean(server)
    assert left(server) == [success]
    assert files(server, success)
    assert not files(server, failures[0])


def test_pinned_runs_stay(server: RunningServer, build: int) -> None:
    pinned, other, last = ran(server, build), ran(server, build), ran(server, build)
    number = server.job(pinned).facts.run_number
    assert server.post(f"/api/v1/runs/{number}/pin").json == {"run": number, "pinned": True, "jobs": 1}
    assert server.job(pinned).pinned
    keep(server, keep_runs=1)
    clean(server)
    assert left(server) == [pinned, last]
    assert server.post(f"/api/v1/runs/{number}/unpin").status_code == 200
    clean(server)
    assert left(server) == [last]
    assert server.post(f"/api/v1/runs/{server.job(last).facts.pipeline_run_id}/pin").status_code == 200
    assert server.post("/api/v1/runs/77/pin").status_code == 404
    assert other not in left(server)


def test_what_is_not_over_stays(server: RunningServer, build: int) -> None:
    done = ran(server, build)
    [running] = server.run(build)
    server.running()
    newest = ran(server, build, agent="b")
    [queued] = server.run(build)
    keep(server, keep_runs=1, keep_days=1)
    server.clock.step(5 * DAY)
    clean(server)
    assert left(server) == [running, newest, queued]
    assert done not in left(server)


def test_what_unfinished_work_restores_stays(server: RunningServer) -> None:
    job = "artifacts: ['*'], steps: [{run: y}]"
    ids = server.define_project(
        f"pipelines: [{{id: base, jobs: [{{id: x, {job}}}]}},"
        f" {{id: top, depends_on: [base], jobs: [{{id: x, runs_on: {{gpu: a100}}, {job}}}]}}]"
    )
    unwanted, restored = ran(server, ids["base"]), ran(server, ids["base"])
    [waiting] = server.run(ids["top"])
    newest = ran(server, ids["base"])
    keep(server, keep_runs=1, artifact_days=1)
    server.clock.step(5 * DAY)
    clean(server)
    assert left(server) == [restored, waiting, newest]
    assert files(server, restored)
    assert not files(server, unwanted)


def test_limits_of_one_project(server: RunningServer, build: int) -> None:
    found = keep(server, project="shop", keep_runs=7)
    assert (found.projects[0].project, found.projects[0].policy.keep_runs, found.projects[0].own) == (
        "shop",
        7,
        ["keep_runs"],
    )
    found = keep(server, log_days=5)
    assert found.projects[0].policy.log_days == 5, "what a project does not set is everybody's"
    assert keep(server, project="1", reset=True).projects == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"keep_runs": -1}, 400, id="below zero"),
        pytest.param({"keep_days": "7"}, 400, id="a text"),
        pytest.param({"project": "nobody", "keep_runs": 1}, 404, id="an unknown project"),
    ],
)
def test_limits_that_cannot_be(server: RunningServer, body: dict[str, Any], status: int) -> None:
    answer = server.post("/api/v1/retention", body)
    assert answer.status_code == status
    assert server.get("/api/v1/retention").json["default"]["keep_runs"] == 1000


def test_limits_survive_a_restart(server: RunningServer) -> None:
    keep(server, keep_runs=3)
    server.restart()
    assert server.read(RetentionPolicies, "/api/v1/retention").default.keep_runs == 3


def test_what_a_kill_left_behind_goes_with_the_next_pass(server: RunningServer, build: int) -> None:
    """A kill between the commit and the removal of the files leaves files without a record, never the other way round."""
    gone, last = ran(server, build, "failed"), ran(server, build)
    keep(server, keep_runs=1)
    service = server.services.retention.retention
    cut_off(service)
    assert left(server) == [last]
    assert files(server, gone)
    server.clock.now = datetime.now(UTC) + timedelta(hours=25)
    server.restart()
    server.services.retention.retention.run_in_background(threading.Event())
    assert not files(server, gone)
    assert files(server, last)


@pytest.mark.tinydb
def test_a_log_that_a_kill_left_behind_goes_although_its_job_stays(server: RunningServer, build: int) -> None:
    old = ran(server, build)
    server.clock.step(10 * DAY)
    new = ran(server, build)
    keep(server, log_days=9)
    cut_off(server.services.retention.retention)
    logs = server.directory / "logs"
    assert {path.stem for path in logs.glob("*.log")} == {old, new}
    assert server.job(old).log_removed_utc == server.clock.now
    server.services.retention.retention.run_in_background(threading.Event())
    assert {path.stem for path in logs.iterdir()} == {new}


def cut_off(service: RetentionService) -> None:
    """Let a pass end where the first file would be removed."""

    def die(_: object) -> None:
        raise StoreError("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(service.logs), "delete", lambda _self, name: die(name))
        with pytest.raises(StoreError, match="killed"):
            service.run()


def test_two_passes_at_once_are_refused(server: RunningServer) -> None:
    service = server.services.retention.retention
    with service._turn:
        answer = server.post("/api/v1/retention/run")
    assert (answer.status_code, answer.text) == (409, "retention is at work already\n")


def test_runs_that_could_not_be_planned_go_by_the_same_limits(server: RunningServer, build: int) -> None:
    """They have no jobs."""
    ran(server, build, "failed")

    def put(tx: Transaction) -> None:
        for number in range(101, 106):
            tx.runs.put(
                RunRecord(
                    number=number,
                    run_id=f"run-{number}",
                    created=server.clock(),
                    parts={},
                    project="shop",
                    project_id="1",
                    error="broken",
                    pinned=number == 101,
                )
            )

    server.store.write(put)
    keep(server, keep_runs=2)
    server.services.retention.retention.run_in_background(threading.Event())
    assert [run["number"] for run in server.get("/api/v1/runs").json["runs"]] == [105, 104, 101, 1]
    server.clock.step(3 * DAY)
    keep(server, keep_days=2, keep_runs=0)
    server.services.retention.retention.run_in_background(threading.Event())
    assert [run["number"] for run in server.get("/api/v1/runs").json["runs"]] == [101]
