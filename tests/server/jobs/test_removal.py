"""Deleting, clearing, flushing, and running again."""

from __future__ import annotations

from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

CHAIN = '[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}, {id: c, needs: [b], steps: [{run: "true"}]}]'

JOB_A = "{id: a, steps: [{run: 'true'}]}"
AFTER_M = "{id: after, needs: [m], steps: [{run: 'true'}]}"


def delete(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.http.simulate_delete(f"/api/v1/jobs/{job_id}")


def rerun(server: RunningServer, job_id: str) -> falcon.testing.Result:
    return server.post(f"/api/v1/jobs/{job_id}/rerun")


def files_of(server: RunningServer, job_id: str) -> list[Path]:
    return list(server.directory.rglob(f"{job_id}*"))


def finished_with_files(server: RunningServer) -> str:
    server.enqueue()
    job = server.running()
    server.report(job.id, "running", output_append="x", output_offset=0)
    upload = {"agent_id": "a", "artifacts": [{"path": "f", "data_base64": "eA=="}]}
    assert server.post(f"/api/v1/jobs/{job.id}/artifacts", upload).status_code == 200
    assert server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": {"total": 1}}).status_code == 200
    server.report(job.id, "succeeded")
    return job.id


@pytest.mark.weakness("A7.7a")
def test_a_pending_execution_can_be_deleted(server: RunningServer) -> None:
    queued, leased = server.enqueue(), server.enqueue()
    server.leased()
    for job_id in (leased, queued):
        answer = delete(server, job_id)
        assert (answer.status_code, answer.json) == (200, {"deleted": True, "job_execution_id": job_id})
        assert server.get(f"/api/v1/jobs/{job_id}").status_code == 404


def test_a_started_execution_cannot_be_deleted(server: RunningServer) -> None:
    server.enqueue()
    job = server.running()
    answer = delete(server, job.id)
    assert (answer.status_code, answer.text) == (409, "job is not pending\n")
    assert delete(server, "job-4").status_code == 404


@pytest.mark.weakness("A7.7b")
def test_deleting_ends_what_waits(server: RunningServer) -> None:
    a, b, c = server.run(server.define(CHAIN))
    delete(server, a)
    assert [server.job(job_id).error for job_id in (b, c)] == [
        "cancelled: required job a failed",
        "cancelled: required job b failed",
    ]


def test_clearing_the_queue_leaves_what_runs(server: RunningServer) -> None:
    running = server.enqueue()
    server.running("b")
    server.run(server.define(CHAIN))
    server.leased()
    assert server.post("/api/v1/jobs/clear-queue").json == {"cleared": 3}
    assert [j["id"] for j in server.get("/api/v1/jobs").json["job_executions"]] == [running]


@pytest.mark.weakness("A7.7b")
def test_clearing_ends_nothing_twice(server: RunningServer) -> None:
    """The dependants are cleared too, so they must not be ended first and stay behind as failed."""
    server.run(server.define(CHAIN))
    server.post("/api/v1/jobs/clear-queue")
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


@pytest.mark.tinydb
@pytest.mark.weakness("A7.7a")
def test_flushing_takes_logs_artifacts_and_reports_along(server: RunningServer) -> None:
    job_id = finished_with_files(server)
    assert len(files_of(server, job_id)) == 4, "the log, its index, the artifacts, the report"
    assert server.post("/api/v1/jobs/flush-history").json == {"flushed": 1}
    assert files_of(server, job_id) == []
    assert server.get(f"/api/v1/jobs/{job_id}/artifacts").json == {"artifacts": []}


def test_flushing_keeps_what_others_still_wait_for(server: RunningServer) -> None:
    jobs = f"[{JOB_A}, {{id: x, steps: [{{run: 'true'}}]}}, {{id: b, needs: [a, x], steps: [{{run: 'true'}}]}}]"
    a, _, b = server.run(server.define(jobs))
    server.finish("succeeded")
    assert server.post("/api/v1/jobs/flush-history").json == {"flushed": 0}
    assert server.job(a).status == "succeeded"
    server.finish("succeeded")
    assert server.finish("succeeded").id == b
    assert server.post("/api/v1/jobs/flush-history").json == {"flushed": 3}


def test_no_route_is_mistaken_for_an_execution(server: RunningServer) -> None:
    for path in ("clear-queue", "flush-history"):
        answer = server.get(f"/api/v1/jobs/{path}")
        assert (answer.status_code, answer.text) == (404, "job not found\n")


def test_a_rerun_is_a_new_execution_of_the_same_work(server: RunningServer) -> None:
    job_id = server.enqueue(agent_id="a")
    server.finish("failed")
    server.clock.step(1)
    answer = rerun(server, job_id)
    assert answer.status_code == 201
    again = server.job(answer.json["job_execution"]["id"])
    before = server.job(job_id)
    assert again.id > job_id
    assert (again.status, again.error, again.started_utc) == ("queued", "", None)
    for field in ("script", "env", "required_capabilities", "step_plan"):
        assert getattr(again, field) == getattr(before, field)
    assert again.metadata == {**before.metadata, "attempt": "2"}


@pytest.mark.weakness("A7.3c")
@pytest.mark.parametrize("status", ["queued", "leased"])
def test_what_never_started_cannot_be_run_again(server: RunningServer, status: str) -> None:
    job_id = server.enqueue()
    if status == "leased":
        server.leased()
    answer = rerun(server, job_id)
    assert (answer.status_code, answer.text) == (409, "job has not started yet\n")
    assert rerun(server, "job-3").status_code == 404


@pytest.mark.weakness("A7.7c")
def test_a_rerun_heals_its_run(server: RunningServer) -> None:
    """Of each job and row the newest execution decides; in the reference the failed one counts for ever."""
    jobs = f"[{{id: m, matrix: {{include: [{{name: one}}, {{name: two}}]}}, steps: [{{run: 'true'}}]}}, {AFTER_M}]"
    one, two, after = server.run(server.define(jobs))
    assert server.running("slow").id == one
    assert server.finish("failed").id == two
    rerun(server, two)
    assert server.finish("succeeded").metadata["matrix_name"] == "two"
    server.report(one, "succeeded", "slow")
    assert server.finish("succeeded").id == after


@pytest.mark.weakness("A7.3c")
def test_blocked_by_names_the_culprit(server: RunningServer) -> None:
    a, b, c = server.run(server.define(CHAIN))
    server.finish("failed")
    assert server.get(f"/api/v1/jobs/{b}/blocked-by").json == {
        "blocked": True,
        "dependency": {
            "job_execution_id": a,
            "pipeline_id": "build",
            "pipeline_job_id": "a",
            "reason": "required job a failed",
        },
    }
    assert server.get(f"/api/v1/jobs/{c}/blocked-by").json["dependency"]["job_execution_id"] == b
    assert server.get(f"/api/v1/jobs/{a}/blocked-by").json == {"blocked": False}
    assert rerun(server, b).status_code == 409


@pytest.mark.parametrize(
    ("end_of_need", "status", "error"),
    [("succeeded", "queued", ""), ("failed", "failed", "cancelled: required job a failed")],
)
def test_a_rerun_of_what_was_cancelled_while_it_waited_does_not_wait_in_vain(
    server: RunningServer, end_of_need: str, status: str, error: str
) -> None:
    _, b, _ = server.run(server.define(CHAIN))
    server.cancel(b)
    server.finish(end_of_need)
    again = rerun(server, b).json["job_execution"]
    assert (again["status"], again.get("error", "")) == (status, error)
    assert "needs_blocked" not in again["metadata"]


def test_a_rerun_of_what_was_cancelled_while_it_waited_waits_for_what_is_still_to_come(server: RunningServer) -> None:
    a, b, _ = server.run(server.define(CHAIN))
    server.cancel(b)
    again = rerun(server, b).json["job_execution"]["id"]
    assert server.finish("succeeded").id == a
    assert server.finish("succeeded").id == again
