"""`GET runs`: which runs are listed, and what is told of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.wire.codec import decode
from cictl.wire.runs import Run, RunList
from cictl_server.store.contract import Transaction

TWO_JOBS = "[{id: make, steps: [{run: make}]}, {id: ship, needs: [make], steps: [{run: ship}]}]"


def listed(server: RunningServer, query: str = "") -> list[int]:
    return [run.number for run in server.read(RunList, f"/api/v1/runs?{query}").runs]


def shown(server: RunningServer, run: object = 1) -> Run:
    return server.read(Run, f"/api/v1/runs/{run}")


def test_a_run_tells_what_became_of_its_jobs(server: RunningServer) -> None:
    make, ship = server.run(server.define(TWO_JOBS))
    run = shown(server)
    assert (run.status, run.counts.queued, run.project, run.pipeline) == ("queued", 2, "shop", "build")
    server.clock.step(5)
    server.running()
    assert (shown(server).status, shown(server).counts.running, shown(server).started_utc) == (
        "running",
        1,
        server.clock.now,
    )
    server.clock.step(5)
    server.report(make, "succeeded")
    assert (shown(server).status, shown(server).finished_utc) == ("running", None)
    middle = server.clock.now
    server.clock.step(5)
    server.finish("succeeded")
    run = shown(server)
    assert (run.status, run.counts.succeeded, run.finished_utc) == ("succeeded", 2, server.clock.now)
    assert [(job.id, job.name, job.status) for job in run.jobs] == [
        (make, "1/make", "succeeded"),
        (ship, "1/ship", "succeeded"),
    ]
    assert [job.finished_utc for job in run.jobs] == [middle, server.clock.now]


def test_a_failure_takes_along_what_needs_it_and_a_rerun_heals_both(server: RunningServer) -> None:
    server.run(server.define(TWO_JOBS))
    failed = server.finish("failed")
    assert (shown(server).status, shown(server).counts.failed) == ("failed", 2)
    server.post(f"/api/v1/jobs/{failed.id}/rerun")
    run = shown(server)
    assert (run.status, run.counts.queued, run.counts.failed, run.finished_utc) == ("queued", 2, 0, None)
    assert [job.name for job in run.jobs] == ["1/make:2", "1/ship:2"]
    server.finish("succeeded")
    server.finish("succeeded")
    assert shown(server).status == "succeeded"


def test_an_older_execution_that_goes_on_beside_its_rerun_does_not_count(server: RunningServer) -> None:
    server.run(server.define("[{id: make, steps: [{run: make}]}]"))
    old = server.running("a")
    server.post(f"/api/v1/jobs/{old.id}/rerun")
    server.finish("succeeded", "b")
    assert server.report(old.id, "failed", "a").status_code == 200
    assert (shown(server).status, shown(server).counts.succeeded, shown(server).counts.failed) == ("succeeded", 1, 0)


def test_a_removed_rerun_lets_the_older_execution_count_again(server: RunningServer) -> None:
    server.run(server.define("[{id: make, steps: [{run: make}]}]"))
    old = server.finish("failed")
    again = server.post(f"/api/v1/jobs/{old.id}/rerun").json["job_execution"]["id"]
    assert server.http.simulate_delete(f"/api/v1/jobs/{again}").status_code == 200
    assert [(job.id, job.status) for job in shown(server).jobs] == [(old.id, "failed")]
    assert shown(server).status == "failed"


def test_a_run_goes_with_its_last_job(server: RunningServer) -> None:
    server.run(server.define(TWO_JOBS))
    server.post("/api/v1/jobs/clear-queue")
    assert (listed(server), server.get("/api/v1/runs/1").status_code) == ([], 404)


def test_what_may_fail_leaves_a_success_with_a_warning(server: RunningServer) -> None:
    server.run(server.define("[{id: make, allow_failure: true, steps: [{run: make}]}]"))
    server.finish("failed")
    run = shown(server)
    assert (run.status, run.counts.failed, run.warnings) == ("succeeded", 1, ["1 job failed, which it may"])


def test_a_job_whose_condition_is_false_is_skipped(server: RunningServer) -> None:
    server.run(server.define("[{id: a, if: \"branch == 'x'\", steps: [{run: x}]}, {id: b, steps: [{run: y}]}]"))
    run = shown(server)
    assert (run.status, run.counts.skipped, run.counts.queued) == ("queued", 1, 1)
    assert [job.status for job in run.jobs] == ["skipped", "queued"]


def test_a_cancelled_run(server: RunningServer) -> None:
    make, _ = server.run(server.define(TWO_JOBS))
    server.cancel(make)
    assert (shown(server).status, [job.status for job in shown(server).jobs]) == ("cancelled", ["cancelled", "failed"])


def test_a_chain_run_is_one_run_with_the_jobs_of_all_its_pipelines(server: RunningServer) -> None:
    job = "jobs: [{id: j, steps: [{run: ls}]}]"
    ids = server.define_project(
        f"pipelines: [{{id: a, {job}}}, {{id: b, {job}}}]\npipeline_chains: [{{id: all, pipelines: [a, b]}}]"
    )
    first, _ = server.run_chain(ids["all"])
    run = shown(server)
    assert (run.id, run.pipeline, run.counts.queued) == (server.job(first).facts.chain_run_id, "all", 2)
    assert [job.name for job in run.jobs] == ["1/a/j", "1/b/j"]
    assert shown(server, run.id) == shown(server, server.job(first).facts.pipeline_run_id) == run


def test_a_script_is_a_run_too(server: RunningServer) -> None:
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    body = {"action": "run-script", "script": "ls", "shell": "posix"}
    job_id = server.post("/api/v1/agents/a/actions", body).json["job_execution_id"]
    assert (shown(server).id, shown(server).counts.queued) == (job_id, 1)


@pytest.fixture
def several(server: RunningServer) -> RunningServer:
    """Five runs: build failed on main, build succeeded on dev, test of shop and build of tea wait, build of tea was cancelled."""
    source = "vcs_source: {repo: /nothing, ref: main}, jobs: [{id: j, steps: [{run: ls}]}]"
    project = f"pipelines: [{{id: build, {source}}}, {{id: test, {source}}}]"
    shop = server.define_project(project, repo_url="/nothing")
    tea = server.define_project(project, name="tea", repo_url="/nothing")
    server.run(shop["build"])
    server.finish("failed")
    server.clock.step(3600)
    server.store.write(on_branch_dev)
    server.run(shop["build"])
    server.finish("succeeded")
    server.run(shop["test"])
    server.run(tea["build"])
    [last] = server.run(tea["build"])
    server.cancel(last)
    return server


def on_branch_dev(tx: Transaction) -> None:
    pipeline = next(tx.pipelines.iter_all())
    assert pipeline.definition.vcs_source is not None
    source = replace(pipeline.definition.vcs_source, ref="dev")
    tx.pipelines.put(replace(pipeline, definition=replace(pipeline.definition, vcs_source=source)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("project=shop", [3, 2, 1]),
        ("project=2", [5, 4]),
        ("project=shop&pipeline=build", [2, 1]),
        ("branch=dev", [2]),
        ("project=shop&branch=main", [3, 1]),
        ("status=failed", [1]),
        ("status=failed,cancelled", [5, 1]),
        ("status=active&project=tea", [4]),
        ("status=finished", [5, 2, 1]),
        ("since=2026-03-01T12:30:00Z", [5, 4, 3, 2]),
        ("project=nothing", []),
    ],
)
def test_filters(several: RunningServer, query: str, expected: list[int]) -> None:
    assert listed(several, query) == expected


def test_pages_follow_each_other_whatever_is_added(several: RunningServer) -> None:
    first = several.read(RunList, "/api/v1/runs?limit=2&status=finished")
    several.run(1)
    several.post("/api/v1/runs/5/rerun", {})
    rest = several.read(RunList, f"/api/v1/runs?limit=2&status=finished&cursor={first.next_cursor}")
    assert ([run.number for run in first.runs], [run.number for run in rest.runs]) == ([5, 2], [1])
    assert rest.next_cursor == ""


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("status=lost", 'status "lost" is unknown'),
        ("pipeline=build", "pipeline needs project"),
        ("cursor=x", "invalid cursor"),
        ("since=soon", "since must be an instant"),
    ],
)
def test_bad_queries_name_what_is_wrong(server: RunningServer, query: str, text: str) -> None:
    answer = server.get(f"/api/v1/runs?{query}")
    assert (answer.status_code, text in answer.text) == (400, True), answer.text


@pytest.mark.parametrize("run", ["7", "run-7", "0", "²", "9" * 30, "-1"])
def test_an_unknown_run(server: RunningServer, run: str) -> None:
    assert server.get(f"/api/v1/runs/{run}").status_code == 404


def test_what_a_run_builds_is_read_from_git(server: RunningServer, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repository", {"a": "1"})
    git(repository, "commit", "-q", "--allow-empty", "-m", "Warm the\tpot\n\nFor tea.")
    sha = git(repository, "rev-parse", "HEAD").strip()
    branch = git(repository, "rev-parse", "--abbrev-ref", "HEAD").strip()
    jobs = "inputs: {level: {default: quick}}, jobs: [{id: j, steps: [{run: ls}]}]"
    project = f"pipelines: [{{id: p, vcs_source: {{repo: '{repository}', ref: {branch}}}, {jobs}}}]"
    server.run(server.define_project(project, repo_url=str(repository))["p"])
    run = shown(server)
    assert (run.branch, run.sha, run.message, run.event) == (branch, sha, "Warm the pot", "manual")
    assert (run.author, run.inputs) == (git(repository, "log", "-1", "--format=%an").strip(), {"level": "quick"})


def test_runs_of_other_projects_are_not_shown(several: RunningServer) -> None:
    admin, viewer = several.token("admin"), several.token("viewer", projects=["tea"])
    assert len(decode(several.ask("GET", "/api/v1/runs", admin).content, RunList).runs) == 5
    assert [run.number for run in decode(several.ask("GET", "/api/v1/runs", viewer).content, RunList).runs] == [5, 4]
    assert several.ask("GET", "/api/v1/runs/1", viewer).status_code == 404
    assert several.ask("GET", "/api/v1/runs/5", viewer).status_code == 200


def test_runs_of_an_earlier_version_get_their_records_at_the_start(several: RunningServer) -> None:
    before = [shown(several, number) for number in range(1, 6)]

    def forget(tx: Transaction) -> None:
        for number in range(1, 6):
            tx.runs.delete(number)

    several.store.write(forget)
    several.restart()
    unknown: dict[str, Any] = {"event": "", "warnings": []}
    assert [shown(several, number) for number in range(1, 6)] == [replace(run, **unknown) for run in before]


def test_a_pinned_run_says_so(server: RunningServer) -> None:
    server.run(server.define(TWO_JOBS))
    server.post("/api/v1/runs/1/pin")
    assert shown(server).pinned
    server.post("/api/v1/runs/1/unpin")
    assert not shown(server).pinned
