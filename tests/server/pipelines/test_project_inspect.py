"""Inspection: definitions as YAML, scripts of a run, secrets that steps name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.project_file import parse

PROJECT = """
pipelines:
  - id: build
    trigger: vcs
    jobs:
      - id: lint
        runs_on: {executor: script, shell: posix}
        requires: {tools: {git: ">=2"}}
        go_cache: {enabled: true}
        artifacts: [out/*]
        steps: [{run: "lint\\nall", env: {SIZE: "1.10"}}, {run: publish, skip_dry_run: true}]
      - id: rows
        needs: [lint]
        timeout_seconds: 9
        caches: [{id: sdk, env: SDK, shared: true}]
        matrix: {include: [{name: red, v: "010"}, {name: blue}]}
        steps:
          - test: {command: "t {{name}}", report: r.xml, format: junit-xml}
          - run: push
            env: {TOKEN: "{{ secret.forge }}"}
            vault:
              connection: pantry
              secrets: [{name: forge, path: ci/forge, key: token}, {name: other, mount: m, path: p, key: k, kv_version: 1}]
          - run: later
            vault: {connection: pantry, secrets: [{name: b, path: p, key: k}, {name: a, path: p, key: k}]}
  - {id: plain, jobs: [{id: j, matrix: {include: [{x: ""}]}, steps: [{run: "true"}]}]}
"""


@pytest.fixture
def ids(server: RunningServer) -> dict[str, int]:
    return server.define_project(PROJECT)


def inspect(server: RunningServer, pipeline: int, **fields: object) -> dict[str, Any]:
    answer = server.post("/api/v1/projects/1/inspect", {"pipeline_db_id": pipeline, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_the_yaml_of_a_pipeline_defines_the_same_pipeline(server: RunningServer, ids: dict[str, int]) -> None:
    shown = inspect(server, ids["build"])
    assert (shown["view"], shown["title"]) == ("raw_yaml", "Pipeline build YAML")
    wrapped = "version: 1\nproject: {name: p}\npipelines:\n" + "\n".join(
        f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(shown["content"].splitlines())
    )
    with server.store.read() as view:
        record = view.pipelines.find(ids["build"])
    assert record is not None
    assert parse(wrapped, config_file="f").pipelines == [record.definition]


def test_keys_that_are_always_there_and_caches_as_they_count(server: RunningServer, ids: dict[str, int]) -> None:
    [job] = yaml.safe_load(inspect(server, ids["plain"])["content"])["jobs"]
    assert {
        "runs_on": {},
        "timeout_seconds": 0,
        "artifacts": [],
        "matrix": {"include": [{"x": ""}]},
    }.items() <= job.items()
    text = inspect(server, ids["build"], pipeline_job_id="lint")["content"]
    assert [cache["id"] for cache in yaml.safe_load(text)["caches"]] == ["go-build", "go-mod"]
    assert "go_cache" not in text
    assert "run: |-\n" in text, "commands of several lines stand as blocks"


def test_the_yaml_of_one_row(server: RunningServer, ids: dict[str, int]) -> None:
    shown = inspect(server, ids["build"], pipeline_job_id="rows", matrix_index=1, view=" RAW_YAML ")
    assert shown["title"] == "Job rows YAML"
    assert yaml.safe_load(shown["content"])["matrix"] == {"include": [{"name": "blue"}]}


@pytest.mark.weakness("W40")
@pytest.mark.parametrize(
    ("token", "shown"), [("ghp_literal", "***"), ("x{{ secret.t }}", "***"), ("{{ secret.t }}", "{{ secret.t }}")]
)
def test_a_literal_token_is_not_shown(server: RunningServer, token: str, shown: str) -> None:
    vault = ", auto_bump_vault: {connection: c, secrets: [{name: t, path: p, key: k}]}" if "secret" in token else ""
    ids = server.define_project(
        f"""
pipelines:
  - id: release
    vcs_source: {{repo: /r}}
    versioning: {{auto_bump: patch, auto_bump_vcs_token: "{token}"{vault}}}
    jobs: [{{id: j, runs_on: {{executor: script, shell: posix}}, steps: [{{run: x}}]}}]
"""
    )
    text = inspect(server, ids["release"])["content"]
    assert yaml.safe_load(text)["versioning"]["auto_bump_vcs_token"] == shown
    assert "ghp_literal" not in text


def test_how_the_source_is_checked_out(server: RunningServer) -> None:
    wanted = {"repo": "/r", "ref": "main", "depth": 0, "tags": False, "submodules": "true", "lfs": True}
    file = "{repo: /r, ref: main, depth: 0, tags: false, submodules: true, lfs: yes}"
    ids = server.define_project(f"pipelines: [{{id: b, vcs_source: {file}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]")
    assert yaml.safe_load(inspect(server, ids["b"])["content"])["vcs_source"] == wanted


def test_scripts_as_a_run_would_have_them(server: RunningServer, ids: dict[str, int]) -> None:
    shown = inspect(server, ids["build"], view="executor_script")
    assert shown["title"] == "Pipeline build script"
    assert shown["content"] == (
        "# lint\nlint\nall\npublish\n\n---\n\n# rows / red\nt red\npush\nlater\n\n---\n\n# rows / blue\nt blue\npush\nlater"
    )
    one = inspect(server, ids["build"], view="executor_script", pipeline_job_id="lint", dry_run=True)
    assert (one["title"], one["content"]) == ("Job lint script", "lint\nall")
    row = inspect(server, ids["build"], view="executor_script", pipeline_job_id="rows", matrix_index=0)
    assert row["content"] == "t red\npush\nlater", "needs that are not shown too are no obstacle"
    assert server.get("/api/v1/jobs").json == {"job_executions": []}


def test_scripts_have_the_version_of_their_commit(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    text = (
        f"version: 1\nproject: {{name: shop}}\npipelines:\n  - id: build\n    vcs_source: {{repo: '{origin.url}'}}\n"
        '    versioning: {}\n    jobs: [{id: j, steps: [{run: "echo {{ciwi.version}}"}]}]\n'
    )
    origin.commit({"cictl.yaml": text, "VERSION": "1.4.2\n"})
    ids = import_project(server, origin.url)
    assert inspect(server, ids["build"], view="executor_script")["content"] == "echo v1.4.2"


MAPPING = """\
mode: {mode}
pipeline: build

job: rows / blue
  step: step 2
    vault_connection: pantry
{connection}    - forge: mount=kv path=ci/forge key=token kv_version=2{secret}
  step: step 3
    vault_connection: pantry
{connection}    referenced_placeholders: (none)
    declared_secrets: a, b"""


@pytest.mark.parametrize(
    ("is_tested", "mode", "connection", "secret"),
    [
        pytest.param(False, "mapping inspection only", "", "", id="only looked at"),
        pytest.param(
            True,
            "live Vault secret test",
            '    test_connection: failed (vault connection "pantry" not found)\n',
            " | test=skipped (no connection)",
            id="tested",
        ),
    ],
)
def test_secrets_that_steps_name(
    server: RunningServer, ids: dict[str, int], is_tested: bool, mode: str, connection: str, secret: str
) -> None:
    fields = {"view": "secret_mappings", "pipeline_job_id": "rows", "matrix_index": 1, "test_secrets": is_tested}
    shown = inspect(server, ids["build"], **fields)
    assert shown["title"] == "Pipeline build secret mappings"
    assert shown["content"] == MAPPING.format(mode=mode, connection=connection, secret=secret)


def test_a_pipeline_without_secrets(server: RunningServer, ids: dict[str, int]) -> None:
    assert inspect(server, ids["plain"], view="secret_mappings")["content"] == "no secret mappings found"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        pytest.param({"pipeline_db_id": "x"}, 400, "invalid JSON body", id="wrong type"),
        pytest.param({}, 400, "pipeline_db_id is required", id="no pipeline"),
        pytest.param({"pipeline_db_id": -1}, 400, "pipeline_db_id is required", id="no such number"),
        pytest.param(
            {"pipeline_db_id": 1, "matrix_index": 0}, 400, "matrix_index requires pipeline_job_id", id="row of no job"
        ),
        pytest.param(
            {"pipeline_db_id": 1, "view": "x"},
            400,
            "view must be one of raw_yaml,executor_script,secret_mappings",
            id="no such view",
        ),
        pytest.param({"pipeline_db_id": 99}, 404, "pipeline not found", id="no such pipeline"),
        pytest.param({"pipeline_db_id": 3}, 400, "pipeline does not belong to project", id="another project's"),
        pytest.param(
            {"pipeline_db_id": 1, "pipeline_job_id": "q"}, 400, 'pipeline job "q" not found', id="no such job"
        ),
        pytest.param(
            {"pipeline_db_id": 1, "pipeline_job_id": "rows", "matrix_index": 2},
            400,
            "matrix index 2 out of range",
            id="row too high",
        ),
        pytest.param(
            {"pipeline_db_id": 1, "pipeline_job_id": "lint", "matrix_index": -1},
            400,
            "matrix index -1 out of range",
            id="row below zero",
        ),
    ],
)
def test_refusals(server: RunningServer, ids: dict[str, int], fields: dict[str, object], code: int, text: str) -> None:
    server.define_project(PROJECT)
    assert ids == {"build": 1, "plain": 2}
    answer = server.post("/api/v1/projects/1/inspect", fields)
    assert (answer.status_code, answer.text) == (code, text + "\n")


def test_scripts_need_their_dependencies(server: RunningServer) -> None:
    ids = server.define_project(
        "pipelines: [{id: a, jobs: [{id: j, steps: [{run: x}]}]},"
        " {id: b, depends_on: [a], jobs: [{id: j, steps: [{run: x}]}]}]"
    )
    answer = server.post("/api/v1/projects/1/inspect", {"pipeline_db_id": ids["b"], "view": "executor_script"})
    assert answer.text == 'pipeline "b" dependency "a" not satisfied: no previous run found\n'
    assert server.get("/api/v1/projects/1/inspect").status_code == 405
