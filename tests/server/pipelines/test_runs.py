"""Runs: what is enqueued from which definition and selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Source
from cictl.wire.waiting.queue import JobList

JOBS = """[
  {id: lint, runs_on: {os: linux, executor: script, shell: posix, container_image: "img:1"},
   requires: {tools: {git: ">=2"}, container: {tools: {cmake: "*"}}}, timeout_seconds: 9, artifacts: [out/*],
   caches: [{id: deps, env: DEPS}, {id: sdk, env: SDK, shared: true}], steps: [{run: "lint {{name}}", env: {A: "b"}}]},
  {id: test, needs: [lint], matrix: {include: [{name: one, v: "1"}, {name: two, v: "{{name}}"}]},
   steps: [{run: "deploy {{name}}", skip_dry_run: true}, {test: {command: "t {{v}}", report: r.xml, format: junit-xml}}]}
]"""


def attempt(server: RunningServer, pipeline: int, fields: object) -> falcon.testing.Result:
    return server.post(f"/api/v1/pipelines/{pipeline}/run-selection", fields)


def test_an_execution_carries_everything_its_agent_needs(server: RunningServer) -> None:
    lint = server.job(server.run(server.define(JOBS))[0])
    assert lint.script == "lint {{name}}"
    assert lint.required_capabilities == {
        "os": "linux",
        "executor": "script",
        "shell": "posix",
        "requires.tool.git": ">=2",
        "requires.container.tool.cmake": "*",
    }
    assert (lint.timeout_seconds, lint.artifact_globs, lint.source) == (9, ["out/*"], None)
    assert [(c.id, c.env, c.shared) for c in lint.caches] == [("deps", "DEPS", False), ("sdk", "SDK", True)]
    assert [(s.index, s.total, s.name, s.env) for s in lint.step_plan] == [(1, 1, "step 1", {"A": "b"})]
    assert lint.metadata["runtime_probe.container_image"] == "img:1"
    assert lint.metadata["pipeline_job_index"] == "0"
    assert "matrix_index" not in lint.metadata
    assert lint.env == {"CIWI_PIPELINE_SOURCE_REPO": "", "CICTL_PIPELINE_SOURCE_REPO": ""}


def test_rows_of_a_matrix_in_order(server: RunningServer) -> None:
    _, one, two = (server.job(job_id) for job_id in server.run(server.define(JOBS)))
    assert [j.metadata["matrix_name"] for j in (one, two)] == ["one", "two"]
    assert [j.metadata["build_target"] for j in (one, two)] == ["one", "two"]
    assert [j.metadata["matrix_index"] for j in (one, two)] == ["0", "1"]
    assert one.script == "deploy one\nt 1"
    assert two.script == "deploy two\nt {{name}}", "a value is never taken for a template"
    assert (one.metadata["needs_job_ids"], one.metadata["needs_blocked"]) == ("lint", "1")
    assert len({j.metadata["pipeline_run_id"] for j in (one, two)}) == 1
    step = one.step_plan[1]
    assert (step.kind, step.name, step.test_name, step.test_format) == (
        "test",
        "test test-test-2",
        "test-test-2",
        "junit-xml",
    )


def test_a_dry_run_skips_what_is_marked(server: RunningServer) -> None:
    _, one, _ = (server.job(job_id) for job_id in server.run(server.define(JOBS), dry_run=True))
    skipped, test = one.step_plan
    assert (skipped.kind, skipped.name, skipped.script) == ("dryrun_skip", "deploy {{name}}", "")
    assert (test.index, test.total) == (2, 2)
    assert one.script == "t 1"
    assert (one.metadata["dry_run"], one.env["CIWI_DRY_RUN"], one.env["CICTL_DRY_RUN"]) == ("1", "1", "1")


def test_a_step_that_renders_to_nothing_is_left_out(server: RunningServer) -> None:
    jobs = '[{id: j, matrix: {include: [{x: "", y: go}]}, steps: [{run: "{{x}}"}, {run: "{{y}}"}]}]'
    job = server.job(server.run(server.define(jobs))[0])
    assert [(step.index, step.total, step.name, step.script) for step in job.step_plan] == [(1, 1, "step 2", "go")]


def test_a_job_without_anything_to_execute_is_refused(server: RunningServer) -> None:
    pipeline = server.define('[{id: j, matrix: {include: [{x: ""}]}, steps: [{run: "{{x}}"}]}]')
    assert attempt(server, pipeline, {}).text == 'pipeline job "j" has no executable steps after rendering\n'


def test_a_pin_is_a_requirement(server: RunningServer) -> None:
    job = server.job(server.run(server.define(JOBS), agent_id=" a ")[0])
    assert (job.required_capabilities or {})["agent_id"] == "a"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"pipeline_job_id": "lint"}, ["lint"]),
        ({"pipeline_job_id": "lint", "matrix_index": 0}, ["lint"]),
        ({"matrix_index": 0}, ["lint", "test"]),
    ],
)
def test_selections(server: RunningServer, selection: dict[str, Any], expected: list[str]) -> None:
    ids = server.run(server.define(JOBS), **selection)
    assert [server.job(i).metadata["pipeline_job_id"] for i in ids] == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"pipeline_job_id": "no"}, "selection matched no matrix entries"),
        ({"matrix_index": 7}, "selection matched no matrix entries"),
        ({"pipeline_job_id": "test"}, 'selection excludes required job "lint" needed by "test"'),
        ({"matrix_name": "one"}, 'selection excludes required job "lint" needed by "test"'),
        ({"source_ref": "main"}, "source_ref override requires pipeline vcs_source.repo"),
        ({"source_ref": "-x"}, 'source_ref must not begin with "-"'),
        ({"execution_mode": "fast"}, 'execution_mode "fast" is unknown'),
        ({"matrix_index": "x"}, "invalid JSON body"),
        ({"needs": "some"}, "invalid JSON body"),
    ],
)
def test_refused_runs_enqueue_nothing(server: RunningServer, fields: dict[str, Any], text: str) -> None:
    answer = attempt(server, server.define(JOBS), fields)
    assert (answer.status_code, answer.text) == (400, text + "\n")
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


def test_a_row_fills_the_templates_of_its_job(server: RunningServer) -> None:
    jobs = """[{id: a, matrix: {include: [{name: x, os: linux, image: "img:1"}]},
      runs_on: {os: "{{os}}", container_image: "{{image}}", gpu: "{{other}}"}, artifacts: ["out/{{name}}/*"],
      steps: [{test: {name: "t {{name}}", command: "true", report: "{{name}}.xml", coverage_report: "{{name}}.info"}}]}]"""
    [job] = map(server.job, server.run(server.define(jobs)))
    assert job.required_capabilities == {"os": "linux", "gpu": "{{other}}"}
    assert (job.facts.container_image, job.artifact_globs) == ("img:1", ["out/x/*"])
    [step] = job.step_plan
    assert (step.test_name, step.test_report, step.coverage_report) == ("t x", "x.xml", "x.info")


NEEDY = """[
  {id: a, matrix: {include: [{name: x}, {name: y}]}, steps: [{run: "true"}]},
  {id: b, needs: [a], steps: [{run: "true"}]},
  {id: c, needs: [b], matrix: {include: [{name: x}, {name: y}]}, steps: [{run: "true"}]},
  {id: d, steps: [{run: "true"}]},
]"""


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param({"pipeline_job_id": "c", "matrix_name": "y"}, ["a.x", "a.y", "b.", "c.y"], id="a row"),
        pytest.param({"pipeline_job_id": "b"}, ["a.x", "a.y", "b."], id="a job"),
        pytest.param({"pipeline_job_id": "d"}, ["d."], id="a job without needs"),
        pytest.param({"matrix_name": "x"}, ["a.x", "b.", "c.x"], id="a row of each"),
        pytest.param({}, ["a.x", "a.y", "b.", "c.x", "c.y", "d."], id="all"),
    ],
)
def test_a_selection_takes_its_needs_along(
    server: RunningServer, selection: dict[str, Any], expected: list[str]
) -> None:
    jobs = [server.job(job_id).facts for job_id in server.run(server.define(NEEDY), **selection, needs="add")]
    assert [f"{job.pipeline_job_id}.{job.matrix_name}" for job in jobs] == expected


def test_a_selection_may_run_without_its_needs(server: RunningServer) -> None:
    [row] = server.run(server.define(NEEDY), pipeline_job_id="c", matrix_name="x", needs="drop")
    facts = server.job(row).facts
    assert (facts.needs_job_ids, facts.needs_blocked) == ([], False)
    assert server.leased().id == row


@pytest.mark.parametrize(
    "use",
    [
        pytest.param('steps: [{run: "ship {{needs.a.outputs.v}}"}]', id="script"),
        pytest.param('env: {V: "{{needs.a.outputs.v}}"}, steps: [{run: x}]', id="environment"),
        pytest.param("steps: [{run: x, if: needs.a.outputs.v == '1'}]", id="condition-of-a-step"),
        pytest.param("if: needs.a.outputs.v == '1', steps: [{run: x}]", id="condition"),
    ],
)
def test_an_output_of_what_is_left_out_refuses_the_selection(server: RunningServer, use: str) -> None:
    jobs = f"[{{id: a, outputs: {{v: ''}}, steps: [{{run: x}}]}}, {{id: b, needs: [a], {use}}}]"
    pipeline = server.define(jobs)
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {"pipeline_job_id": "b", "needs": "drop"})
    assert (answer.status_code, answer.text.strip()) == (
        400,
        'job "b" uses needs.a.outputs.v, and the selection leaves out "a"; run it with what it needs',
    )
    assert len(server.run(pipeline, needs="drop")) == 2, "nothing is left out"


def test_what_is_selected_still_waits_for_what_is_selected_too(server: RunningServer) -> None:
    _, row = server.run(server.define(NEEDY), matrix_name="x", needs="drop")
    assert server.job(row).facts.needs_job_ids == []
    whole = server.run(server.define(NEEDY), needs="drop")
    assert server.job(whole[2]).facts.needs_job_ids == ["a"]


def test_a_pin_that_contradicts_a_job_is_refused(server: RunningServer) -> None:
    pipeline = server.define('[{id: j, runs_on: {agent_id: b}, steps: [{run: "true"}]}]')
    text = 'selection requested agent_id "a" but job "j" requires agent_id "b"\n'
    assert attempt(server, pipeline, {"agent_id": "a"}).text == text


def test_an_unknown_pipeline(server: RunningServer) -> None:
    answer = attempt(server, 9, {})
    assert (answer.status_code, answer.text) == (404, "pipeline not found\n")


class TestSources:
    """A run is pinned to one commit, whatever happens to the branch meanwhile."""

    def define(self, server: RunningServer, tmp_path: Path, *, extra: str = "") -> tuple[Path, int]:
        path = tmp_path / "repository"
        text = (
            f"version: 1\nproject: {{name: shop}}\npipelines:\n  - id: build\n    vcs_source: {{repo: {path}, ref: main}}\n"
            f'{extra}    jobs: [{{id: j, steps: [{{run: "echo {{{{cictl.version}}}}"}}]}}]\n'
        )
        make_repository(path, {"cictl.yaml": text, "VERSION": "1.4.2\n"})
        server.post("/api/v1/projects/import", {"repo_url": str(path)})
        return path, int(server.get("/api/v1/projects").json["projects"][0]["pipelines"][0]["id"])

    @pytest.mark.weakness("W23")
    def test_the_branch_is_resolved_when_the_run_starts(self, server: RunningServer, tmp_path: Path) -> None:
        path, pipeline = self.define(server, tmp_path)
        commit = git(path, "rev-parse", "HEAD")
        [job_id] = server.run(pipeline)
        make_repository(path, {"later": "x"})
        job = server.job(job_id)
        assert job.source == Source(repo=str(path), ref=commit)
        assert job.metadata["pipeline_source_ref_raw"] == "main"
        assert job.metadata["pipeline_source_ref_resolved"] == commit
        assert job.env["CIWI_PIPELINE_SOURCE_REF"] == commit

    def test_an_override_is_resolved_too(self, server: RunningServer, tmp_path: Path) -> None:
        path, pipeline = self.define(server, tmp_path)
        git(path, "switch", "-q", "-c", "next")
        make_repository(path, {"later": "x"})
        job = server.job(server.run(pipeline, source_ref="next")[0])
        assert job.source == Source(repo=str(path), ref=git(path, "rev-parse", "next"))
        assert job.metadata["pipeline_source_ref_raw"] == "next"

    def test_an_override_that_does_not_exist_is_refused(self, server: RunningServer, tmp_path: Path) -> None:
        _, pipeline = self.define(server, tmp_path)
        answer = attempt(server, pipeline, {"source_ref": "nowhere"})
        assert answer.status_code == 400
        assert answer.text.startswith('fetch source ref "nowhere": ')

    def test_an_unreachable_remote_leaves_the_run_unpinned(self, server: RunningServer, tmp_path: Path) -> None:
        path, pipeline = self.define(server, tmp_path)
        path.rename(tmp_path / "moved")
        job = server.job(server.run(pipeline)[0])
        assert job.source == Source(repo=str(path), ref="main")
        assert "pipeline_source_ref_resolved" not in job.metadata

    def test_a_version_is_read_and_rendered(self, server: RunningServer, tmp_path: Path) -> None:
        _, pipeline = self.define(server, tmp_path, extra="    versioning: {tag_prefix: rel-}\n")
        job = server.job(server.run(pipeline)[0])
        assert job.script == "echo rel-1.4.2"
        assert job.metadata["pipeline_version_raw"] == "1.4.2"
        assert job.env["CICTL_PIPELINE_TAG"] == "rel-1.4.2"


def test_how_the_source_is_checked_out_reaches_the_agent(server: RunningServer) -> None:
    """Keys that the file does not name are not sent: to agents of the reference it is the source that they know."""
    job = "jobs: [{id: j, steps: [{run: x}]}]"
    options = "depth: 0, tags: true, submodules: recursive, lfs: true"
    ids = server.define_project(
        f"pipelines: [{{id: plain, vcs_source: {{repo: /gone}}, {job}}}, {{id: deep, vcs_source: {{repo: /gone, {options}}}, {job}}}]"
    )
    plain, deep = (server.get(f"/api/v1/jobs/{server.run(ids[name])[0]}").json["job_execution"] for name in ids)
    assert plain["source"] == {"repo": "/gone"}
    assert deep["source"] == {"repo": "/gone", "depth": 0, "tags": True, "submodules": "recursive", "lfs": True}


def test_runs_are_numbered(server: RunningServer) -> None:
    """One after the other, whatever was deleted, and through a restart; all jobs of a run have its number."""
    pipeline = server.define(JOBS)
    first = server.run(pipeline)
    assert {server.job(job_id).facts.run_number for job_id in first} == {"1"}
    server.post("/api/v1/jobs/clear-queue")
    server.restart()
    second = server.run(pipeline)
    listed = server.read(JobList, "/api/v1/jobs?run=2").job_executions
    assert sorted(job.id for job in listed) == second
    assert server.get("/api/v1/jobs?run=1").json == {"job_executions": []}
