"""Cancelling a run, and running it again."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.runs import Run, RunRerunResponse
from cictl_server.services.history.run_limits import RunLimits

JOBS = """[
  {id: make, steps: [{run: make}]}, {id: lint, steps: [{run: lint}]}, {id: ship, needs: [make, lint], steps: [{run: ship}]}
]"""


def rerun(server: RunningServer, **fields: Any) -> RunRerunResponse:
    answer = server.post("/api/v1/runs/1/rerun", fields)
    assert answer.status_code == 201, answer.text
    return decode(answer.content, RunRerunResponse)


def states(run: Run) -> dict[str, str]:
    return {job.name: job.status for job in run.jobs}


def shown(server: RunningServer) -> Run:
    return server.read(Run, "/api/v1/runs/1")


def lease_all(server: RunningServer) -> list[str]:
    """Lease, and return the short ids of, what can be leased now."""
    leased: list[str] = []
    while (job := server.lease(f"agent-{len(leased)}").job_execution) is not None:
        leased.append(server.short_id(job.id))
    return leased


def test_a_cancel_ends_all_jobs_that_are_not_over(server: RunningServer) -> None:
    server.run(server.define(JOBS))
    done = server.finish("succeeded")
    server.running()
    answer = server.post("/api/v1/runs/1/cancel")
    run = decode(answer.content, Run)
    assert (answer.status_code, run.status) == (200, "cancelled")
    assert states(run) == {"1/make": "succeeded", "1/lint": "cancelled", "1/ship": "cancelled"}
    assert server.job(done.id).status == "succeeded"
    assert server.log(run.jobs[1].id) == b"[control] job cancelled by user"
    again = server.post("/api/v1/runs/1/cancel")
    assert (again.status_code, again.text.splitlines()[0]) == (409, "run is not active")


def test_a_cancel_of_a_run_is_one_deed(server: RunningServer) -> None:
    admin = server.token("admin", name="anna")
    pipeline = server.define(JOBS)
    server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, body=b"{}")
    assert server.ask("POST", "/api/v1/runs/1/cancel", admin).status_code == 200
    [record] = server.audit(action="run.cancelled")
    assert ([(t.kind, t.id) for t in record.targets], record.details) == ([("run", "1")], {"jobs": "3"})
    run = decode(server.ask("GET", "/api/v1/runs/1", admin).content, Run)
    job = server.ask("GET", f"/api/v1/jobs/{run.jobs[0].id}", admin).json["job_execution"]
    assert job["cancelled_by"] == "anna"


def test_what_failed_runs_again_and_what_needs_it_waits(server: RunningServer) -> None:
    server.run(server.define(JOBS))
    server.finish("failed")
    server.finish("succeeded")
    answer = rerun(server, only_failed=True)
    assert states(answer) == {"1/lint": "succeeded", "1/make:2": "queued", "1/ship:2": "queued"}
    assert [server.short_id(job_id) for job_id in answer.job_execution_ids] == ["1/make:2", "1/ship:2"]
    assert lease_all(server) == ["1/make:2"]


def test_everything_runs_again_in_its_order(server: RunningServer) -> None:
    server.run(server.define(JOBS))
    for _ in range(3):
        server.finish("succeeded")
    assert len(rerun(server).job_execution_ids) == 3
    assert lease_all(server) == ["1/make:2", "1/lint:2"]


def test_a_second_rerun_counts_on(server: RunningServer) -> None:
    server.run(server.define("[{id: make, steps: [{run: make}]}]"))
    for attempt in ("1/make:2", "1/make:3"):
        server.finish("failed")
        assert states(rerun(server, only_failed=True)) == {attempt: "queued"}


def test_a_chain_run_begins_again_with_its_first_pipeline(server: RunningServer) -> None:
    job = "jobs: [{id: j, steps: [{run: ls}]}]"
    ids = server.define_project(
        f"pipelines: [{{id: a, {job}}}, {{id: b, depends_on: [a], {job}}}]\npipeline_chains: [{{id: c, pipelines: [a, b]}}]"
    )
    server.run_chain(ids["c"])
    server.finish("succeeded")
    server.finish("succeeded")
    rerun(server)
    assert lease_all(server) == ["1/a/j:2"]


def test_as_many_rows_run_at_once_as_may(server: RunningServer) -> None:
    matrix = "{max_parallel: 2, include: [{name: a}, {name: b}, {name: c}]}"
    server.run(server.define(f"[{{id: j, matrix: {matrix}, steps: [{{run: ls}}]}}]"))
    server.post("/api/v1/runs/1/cancel")
    rerun(server)
    assert lease_all(server) == ["1/j/a:2", "1/j/b:2"]


def test_a_job_that_the_plan_left_out_stays_out(server: RunningServer) -> None:
    server.run(server.define('[{id: a, if: "tag", steps: [{run: x}]}, {id: b, steps: [{run: y}]}]'))
    server.finish("succeeded")
    assert states(rerun(server)) == {"1/a": "skipped", "1/b:2": "queued"}


def test_a_job_whose_condition_asks_how_others_went_is_decided_anew(server: RunningServer) -> None:
    server.run(server.define('[{id: a, steps: [{run: x}]}, {id: b, needs: [a], if: "failure()", steps: [{run: y}]}]'))
    server.finish("succeeded")
    assert states(shown(server)) == {"1/a": "succeeded", "1/b": "skipped"}
    rerun(server)
    server.finish("failed")
    assert lease_all(server) == ["1/b:2"]


@pytest.mark.parametrize(
    ("end", "fields", "text"),
    [
        ("", {}, "run is not over"),
        ("", {"only_failed": True}, "nothing of the run failed"),
        ("succeeded", {"only_failed": True}, "nothing of the run failed"),
    ],
)
def test_what_can_not_be_run_again(server: RunningServer, end: str, fields: dict[str, Any], text: str) -> None:
    server.run(server.define("[{id: make, steps: [{run: make}]}]"))
    if end:
        server.finish(end)
    answer = server.post("/api/v1/runs/1/rerun", fields)
    assert (answer.status_code, answer.text.splitlines()[0]) == (409, text)


def test_a_rerun_keeps_within_the_limit_of_a_run(server: RunningServer) -> None:
    server.run(server.define(JOBS))
    server.post("/api/v1/runs/1/cancel")
    server.restart_with(run_limits=RunLimits(jobs=2))
    before = server.content()
    assert server.post("/api/v1/runs/1/rerun", {}).status_code == 413
    assert server.content() == before


@pytest.mark.parametrize("action", ["cancel", "rerun"])
def test_an_unknown_run(server: RunningServer, action: str) -> None:
    assert server.post(f"/api/v1/runs/7/{action}", {}).status_code == 404
