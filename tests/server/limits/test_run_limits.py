"""How many jobs a run may have, and how many runs of a project, or scripts for an agent, may wait."""

from __future__ import annotations

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl_server.services.history.run_limits import RunLimits

TWO = '[{id: one, steps: [{run: "true"}]}, {id: two, steps: [{run: "true"}]}]'
CHAIN = """
pipelines:
  - {id: a, jobs: [{id: j, steps: [{run: "true"}]}]}
  - {id: b, depends_on: [a], jobs: [{id: j, steps: [{run: "true"}]}]}
pipeline_chains: [{id: all, pipelines: [a, b]}]
"""
SCRIPT = {"action": "run-script", "script": "true", "shell": "posix"}


def start(server: RunningServer, pipeline: int) -> falcon.testing.Result:
    return server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {})


def limit(server: RunningServer, *, jobs: int = 0, queued_runs: int = 0) -> None:
    server.restart_with(run_limits=RunLimits(jobs=jobs, queued_runs=queued_runs))


def test_a_run_with_too_many_jobs_is_refused_whole(server: RunningServer) -> None:
    limit(server, jobs=1)
    answer = start(server, server.define(TWO))
    text = "the run would have 2 jobs that are not over; the limit --max-run-jobs is 1\n"
    assert (answer.status_code, answer.text) == (413, text)
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


def test_the_jobs_of_a_chain_count_together(server: RunningServer) -> None:
    limit(server, jobs=1)
    chain = server.define_project(CHAIN)["all"]
    assert server.post(f"/api/v1/pipeline-chains/{chain}/run", {}).status_code == 413


def test_a_run_too_many_is_refused_until_one_is_over(server: RunningServer) -> None:
    limit(server, queued_runs=2)
    pipeline = server.define(TWO)
    first, _ = [start(server, pipeline).json["job_execution_ids"] for _ in range(2)]
    answer = start(server, pipeline)
    text = "2 runs of project shop are not over; the limit --max-queued-runs is 2\n"
    assert (answer.status_code, answer.text) == (429, text)
    for job_id in first:
        server.cancel(job_id)
    assert start(server, pipeline).status_code == 201


def test_projects_have_room_of_their_own(server: RunningServer) -> None:
    limit(server, queued_runs=1)
    assert [start(server, server.define(TWO)).status_code for _ in range(2)] == [201, 201]


def test_the_runs_that_wait_are_counted_after_a_restart_too(server: RunningServer) -> None:
    limit(server, queued_runs=1)
    pipeline = server.define(TWO)
    start(server, pipeline)
    server.restart()
    assert start(server, pipeline).status_code == 429


def test_reruns_count(server: RunningServer) -> None:
    limit(server, jobs=2)
    pipeline = server.define('[{id: one, steps: [{run: "true"}]}]')
    [job_id] = server.run(pipeline)
    server.finish("failed")
    path = f"/api/v1/jobs/{job_id}/rerun"
    assert [server.post(path).status_code for _ in range(3)] == [201, 201, 413]
    limit(server, queued_runs=1)
    assert server.post(path).status_code == 201
    other, *_ = server.run(server.define(TWO))
    assert server.post(f"/api/v1/jobs/{other}/cancel").status_code == 200
    assert start(server, pipeline).status_code == 429


def test_a_rerun_of_a_run_that_is_over_needs_room(server: RunningServer) -> None:
    limit(server, queued_runs=1)
    pipeline = server.define('[{id: one, steps: [{run: "true"}]}]')
    [over] = server.run(pipeline)
    server.finish("failed")
    server.run(pipeline)
    assert server.post(f"/api/v1/jobs/{over}/rerun").status_code == 429


@pytest.fixture
def ready(server: RunningServer) -> None:
    server.heartbeat("a", capabilities={"executor": "script", "shells": "posix"})


@pytest.mark.usefixtures("ready")
def test_scripts_for_one_agent_count(server: RunningServer) -> None:
    limit(server, queued_runs=1)
    assert server.post("/api/v1/agents/a/actions", SCRIPT).status_code == 201
    answer = server.post("/api/v1/agents/a/actions", SCRIPT)
    text = "1 runs of agent a are not over; the limit --max-queued-runs is 1\n"
    assert (answer.status_code, answer.text) == (429, text)


@pytest.mark.usefixtures("ready")
def test_a_script_has_256_kib_at_most(server: RunningServer) -> None:
    answers = [server.post("/api/v1/agents/a/actions", {**SCRIPT, "script": "x" * size}) for size in (1 << 18, 262_145)]
    assert [answer.status_code for answer in answers] == [201, 413]
    assert answers[1].text == "script has more than 256.0 KiB\n"
