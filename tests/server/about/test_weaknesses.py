"""Weaknesses of the reference server that no other module tests, each held by a test of what this server does better."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - {{id: own, vcs_source: {{repo: '{url}'}}, versioning: {{}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
  - {{id: foreign, vcs_source: {{repo: /elsewhere}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
  - {{id: after, depends_on: [own], vcs_source: {{repo: '{url}'}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}
pipeline_chains: [{{id: ship, pipelines: [own, after]}}, {{id: b, pipelines: [own]}}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": PROJECT.format(url=made.url), "VERSION": "1.4.2\n"})
    return made


@pytest.mark.weakness("W7")
def test_a_foreign_repository_does_not_get_the_projects_ref(server: RunningServer, origin: Origin) -> None:
    origin.push("dev")
    import_project(server, origin.url, repo_ref="dev")
    [project] = server.get("/api/v1/projects").json["projects"]
    refs = {pipeline["pipeline_id"]: pipeline.get("source_ref") for pipeline in project["pipelines"]}
    assert refs == {"own": "dev", "after": "dev", "foreign": None}


@pytest.mark.weakness("W19")
def test_an_override_wins_over_the_commit_of_a_dependency(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["own"])
    finish_everything(server)
    commit = origin.commit({"later": "x"}, branch="next")
    job = server.job(server.run(ids["after"], source_ref="next")[0])
    assert job.source is not None
    assert (job.source.ref, job.metadata["pipeline_source_ref_raw"]) == (commit, "next")
    assert job.metadata["pipeline_version"] == "v1.4.2", "the version is still the dependency's"


NEEDS = "[{id: a, steps: [{run: x}]}, {id: b, needs: [a], steps: [{run: x}]}]"


@pytest.mark.weakness("W24")
def test_what_never_started_is_shown_as_blocked_and_not_rerun(server: RunningServer) -> None:
    _, b = server.run(server.define(NEEDS))
    server.finish("failed")
    assert server.job(b).started_utc is None
    assert server.get(f"/api/v1/jobs/{b}/blocked-by").json["blocked"] is True
    answer = server.post(f"/api/v1/jobs/{b}/rerun")
    assert (answer.status_code, answer.text) == (409, "job has not started yet\n")


@pytest.mark.weakness("W26")
def test_last_reports_at_one_moment_release_what_waits(server: RunningServer) -> None:
    rows = 8
    names = [f"n{row}" for row in range(rows)]
    jobs = [f"{{id: {name}, steps: [{{run: x}}]}}" for name in names]
    *_, last = server.run(
        server.define(f"[{', '.join(jobs)}, {{id: z, needs: [{', '.join(names)}], steps: [{{run: x}}]}}]")
    )
    running = [(f"agent-{row}", server.running(f"agent-{row}").id) for row in range(rows)]
    together = threading.Barrier(rows)

    def finish(agent_id: str, job_id: str) -> None:
        together.wait(timeout=60)
        server.report(job_id, "succeeded", agent_id)

    threads = [threading.Thread(target=finish, args=one) for one in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert server.leased().id == last


@pytest.mark.weakness("W31")
def test_a_flushed_history_says_what_to_do(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["own"])
    finish_everything(server)
    server.post("/api/v1/jobs/flush-history", {})
    path = f"/api/v1/pipelines/{ids['after']}/run-selection"
    problem = server.post(path, {}, headers={"Accept": "application/json"}).json
    assert problem["title"] == 'pipeline "after" dependency "own" not satisfied: no previous run found'
    assert problem["hint"] == "run own first, or wait for it"


@pytest.mark.weakness("W39")
def test_tools_of_a_container_are_no_unmet_requirement(server: RunningServer) -> None:
    [job_id] = server.run(
        server.define(
            "[{id: j, runs_on: {os: linux, container_image: 'i:1'},"
            " requires: {container: {tools: {cmake: '>=3'}}, tools: {git: '>=2'}}, steps: [{run: x}]}]"
        )
    )
    server.heartbeat()
    assert server.job(job_id).unmet_requirements == ["missing tool git"]
    server.heartbeat(capabilities={"tool.git": "2.40.1"})
    assert server.job(job_id).unmet_requirements == []


@pytest.mark.weakness("W41")
def test_chains_keep_their_ids_through_a_reload(server: RunningServer, origin: Origin) -> None:
    before = import_project(server, origin.url)
    text = PROJECT.format(url=origin.url).replace("{id: b, pipelines: [own]}", "{id: a, pipelines: [own]}")
    origin.commit({"cictl.yaml": text})
    after = import_project(server, origin.url)
    assert after["ship"] == before["ship"]
    assert after["a"] not in (before["ship"], before["b"]), "an id is never used again"
