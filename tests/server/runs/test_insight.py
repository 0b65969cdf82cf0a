"""What runs tell when they are looked at together."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.insight import Insight
from cictl.wire.runs import RunStatus
from cictl_server.services.runs import insight

ONE_JOB = '[{id: a, steps: [{run: "true"}]}]'


def look(server: RunningServer, *, project: str = "", pipeline: str = "") -> Insight:
    return server.services.runs.insight.look(project=project, pipeline=pipeline)


def ran(server: RunningServer, pipeline: int, status: str, *, seconds: float, agent: str = "a") -> None:
    server.run(pipeline)
    job = server.running(agent)
    server.clock.step(seconds)
    assert server.report(job.id, status, agent).status_code == 200


def test_a_pipeline_is_told_by_its_ended_runs(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    server.heartbeat()
    for status, seconds in (("succeeded", 10), ("succeeded", 30), ("failed", 5)):
        ran(server, pipeline, status, seconds=seconds)
    server.run(pipeline)  # waits, and so tells nothing yet
    [build] = look(server).pipelines
    assert (build.project, build.name) == ("shop", "build")
    assert [(run.status, run.seconds) for run in build.runs] == [
        (RunStatus.SUCCEEDED, 10),
        (RunStatus.SUCCEEDED, 30),
        (RunStatus.FAILED, 5),
    ]
    assert build.success_rate == pytest.approx(2 / 3)
    assert build.median_seconds == 20


def test_branches_are_told_apart(server: RunningServer) -> None:
    source = "vcs_source: {repo: /nothing, ref: %s}"
    pipelines = f"[{{id: a, {source % 'main'}, jobs: {ONE_JOB}}}, {{id: b, {source % 'dev'}, jobs: {ONE_JOB}}}]"
    ids = server.define_project(f"pipelines: {pipelines}", repo_url="/nothing")
    server.heartbeat()
    ran(server, ids["a"], "succeeded", seconds=1)
    ran(server, ids["b"], "failed", seconds=1)
    assert [(branch.name, branch.success_rate) for branch in look(server).branches] == [("dev", 0), ("main", 1)]
    assert [branch.name for branch in look(server, project="shop", pipeline="b").branches] == ["dev"]


def test_a_cancelled_run_says_nothing_of_success(server: RunningServer) -> None:
    server.heartbeat()
    server.run(server.define(ONE_JOB))
    server.cancel(server.running().id)
    [build] = look(server).pipelines
    assert (build.success_rate, build.cancelled) == (None, 1)


def test_an_agent_is_as_busy_as_the_part_of_each_hour_in_which_it_works(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    server.heartbeat("a")
    server.heartbeat("idle")
    ran(server, pipeline, "succeeded", seconds=5400)
    busy, idle = look(server).load
    assert (busy.agent_id, busy.jobs, busy.busy_seconds) == ("a", 1, 5400)
    assert busy.hours[-2:] == pytest.approx([0.5, 1])
    assert (idle.agent_id, sum(idle.hours)) == ("idle", 0)


def test_what_ended_before_the_hours_of_the_load_does_not_count(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    server.heartbeat()
    ran(server, pipeline, "succeeded", seconds=60)
    server.clock.step(25 * 3600)
    [agent] = look(server).load
    assert (agent.jobs, agent.busy_seconds) == (0, 0)


def test_the_load_is_looked_at_once_a_minute(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    server.heartbeat()
    look(server)
    ran(server, pipeline, "succeeded", seconds=1)
    assert look(server).load[0].jobs == 0
    server.clock.step(60)
    assert look(server).load[0].jobs == 1


def test_a_project_is_told_by_branch(server: RunningServer) -> None:
    server.heartbeat()
    source = "vcs_source: {repo: /nothing, ref: main}"
    ids = server.define_project(f"pipelines: [{{id: a, {source}, jobs: {ONE_JOB}}}]", repo_url="/nothing")
    for _ in range(3):
        ran(server, ids["a"], "succeeded", seconds=1)
    [main] = server.services.runs.insight.branches(1, limit=2)
    assert (main.name, [run.number for run in main.runs]) == ("main", [2, 3])


def test_more_runs_than_are_looked_at_are_told(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "MOST_RUNS", 2)
    pipeline = server.define(ONE_JOB)
    server.heartbeat()
    for _ in range(3):
        ran(server, pipeline, "succeeded", seconds=1)
    found = look(server)
    assert not found.is_all
    assert [run.number for run in found.pipelines[0].runs] == [2, 3]


def test_what_a_token_does_not_see_is_left_out(server: RunningServer) -> None:
    pipeline = server.define(ONE_JOB)
    server.heartbeat()
    ran(server, pipeline, "succeeded", seconds=60)
    found = server.services.runs.insight.look(sees=lambda _: False)
    assert (found.pipelines, found.branches, found.load[0].jobs) == ([], [], 0)
