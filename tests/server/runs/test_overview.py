"""The overview of pipelines: which runs stand in it, and what they usually take."""

from __future__ import annotations

from datetime import timedelta

from cictl_testing.server import RunningServer

from cictl_server.services.runs.overview import LAST_RESULTS, PipelineOverview

JOB = "{id: test, steps: [{run: ls}]}"


def stands(server: RunningServer) -> dict[str, PipelineOverview]:
    found = server.services.runs.overview.get(sees=lambda _: True)
    return {f"{project.name}/{pipeline.name}": pipeline for project in found for pipeline in project.pipelines}


def end_run(server: RunningServer, pipeline: int, status: str, *, seconds: float = 0) -> None:
    server.run(pipeline)
    server.heartbeat()
    job = server.running()
    server.clock.step(seconds)
    server.report(job.id, status)


def test_the_newest_results_come_first_and_not_more_than_fit(server: RunningServer) -> None:
    pipeline = server.define(f"[{JOB}]")
    for number in range(LAST_RESULTS + 2):
        end_run(server, pipeline, "failed" if number == LAST_RESULTS else "succeeded")
    found = stands(server)["shop/build"]
    assert found.newest
    assert found.newest.number == LAST_RESULTS + 2
    assert [one.status for one in found.last[:3]] == ["succeeded", "failed", "succeeded"]
    assert len(found.last) == LAST_RESULTS


def test_what_it_usually_takes_is_the_median_of_what_succeeded(server: RunningServer) -> None:
    pipeline = server.define(f"[{JOB}]")
    for seconds in (1, 10, 500):
        end_run(server, pipeline, "succeeded", seconds=seconds)
    end_run(server, pipeline, "failed", seconds=1000)
    assert stands(server)["shop/build"].typical == timedelta(seconds=10)


def test_what_is_not_over_is_told_with_its_reason(server: RunningServer) -> None:
    pipeline = server.define(f"[{JOB}]")
    server.post("/api/v1/queue/pause", {"reason": "a new kernel"})
    for _ in range(4):
        server.run(pipeline)
    found = stands(server)["shop/build"]
    assert (found.active_count, [one.run.number for one in found.active]) == (4, [4, 3, 2])
    assert "a new kernel" in found.active[0].why
    assert (found.newest, found.last, found.typical) == (None, [], None)


def test_a_chain_tells_why_it_waits_until_something_of_it_has_begun(server: RunningServer) -> None:
    ids = server.define_project(
        f"pipelines: [{{id: build, jobs: [{JOB}]}}, {{id: ship, jobs: [{JOB}]}}]\n"
        "pipeline_chains: [{id: release, pipelines: [build, ship]}]"
    )
    server.post("/api/v1/queue/pause", {"reason": "a new kernel"})
    server.run_chain(ids["release"])
    assert "a new kernel" in stands(server)["shop/release"].active[0].why
    server.post("/api/v1/queue/resume", {})
    server.heartbeat()
    server.running()
    assert stands(server)["shop/release"].active[0].why == ""


def test_projects_of_one_name_keep_their_runs_apart(server: RunningServer) -> None:
    first = server.define(f"[{JOB}]")
    server.define(f"[{JOB}]")
    server.run(first)
    counts = [one.pipelines[0].active_count for one in server.services.runs.overview.get(sees=lambda _: True)]
    assert counts == [1, 0]


def test_a_pipeline_that_needs_a_value_says_so(server: RunningServer) -> None:
    inputs = "inputs: {target: {type: text, required: true}}"
    server.define_project(f"pipelines: [{{id: ship, {inputs}, jobs: [{JOB}]}}, {{id: build, jobs: [{JOB}]}}]")
    assert {name: one.needs_input for name, one in stands(server).items()} == {"shop/ship": True, "shop/build": False}
