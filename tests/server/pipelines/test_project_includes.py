"""Project files that include others of the same commit, from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.problems import Problem
from cictl.wire.projects import RunResponse

MAIN = """\
version: 1
project: {name: shop}
include: [{file: ci/more.yaml}]
pipelines: [{id: own, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: own}]}]}]
"""
MORE = "pipelines: [{id: more, depends_on: [own], jobs: [{id: j, steps: [{run: %s}]}]}]\n"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": MAIN, "ci/more.yaml": MORE % "first"})
    return made


def script(server: RunningServer, pipeline: int) -> str:
    shown = server.post(f"/api/v1/pipelines/{pipeline}/dry-run-preview", {}).json
    return str(shown["pending_jobs"][0]["step_plan"][0]["script"])


def test_an_import_brings_what_is_included(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    assert {"own", "more"} < ids.keys()


def test_a_reload_takes_all_files_of_one_commit(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    origin.commit({"cictl.yaml": MAIN.replace("run: own", "run: new"), "ci/more.yaml": MORE % "second"})
    assert server.post(f"/api/v1/projects/{ids['project']}/reload").status_code == 200
    assert script(server, ids["own"]) == "new"
    shown = server.post(f"/api/v1/projects/{ids['project']}/inspect", {"pipeline_db_id": ids["more"]}).json
    assert "run: second" in shown["content"]


def test_a_fault_is_told_with_its_file(server: RunningServer, origin: Origin) -> None:
    origin.commit({"ci/more.yaml": "pipelines:\n  - {idd: x}\n"})
    fields = {"repo_url": origin.url}
    answer = server.post("/api/v1/projects/import", fields, headers={"Accept": "application/problem+json"})
    [finding] = decode(answer.content, Problem).findings
    assert (answer.status_code, finding.file, finding.line) == (400, "ci/more.yaml", 2)


def test_a_missing_file_is_told_where_it_is_named(server: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": MAIN.replace("more.yaml", "less.yaml")})
    answer = server.post("/api/v1/projects/import", {"repo_url": origin.url})
    assert 'line 3: column 18: include[0].file: there is no file "ci/less.yaml" in the same commit' in answer.text


def test_a_file_that_is_too_large_is_refused(server: RunningServer, origin: Origin) -> None:
    origin.commit({"ci/more.yaml": "#" * (2 << 20)})
    answer = server.post("/api/v1/projects/import", {"repo_url": origin.url})
    assert answer.status_code == 400
    assert "ci/more.yaml" in answer.text


def test_a_run_tells_that_an_included_file_has_changed(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)

    def warnings() -> list[str]:
        server.clock.step(1)
        answer = server.post(f"/api/v1/pipelines/{ids['own']}/run-selection", {})
        return decode(answer.content, RunResponse).warnings

    origin.commit({"README": "x"})
    assert warnings() == []
    origin.commit({"ci/more.yaml": MORE % "second"})
    [warning] = warnings()
    assert "has another cictl.yaml than the one that is loaded" in warning
