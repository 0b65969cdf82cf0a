"""Pipelines that start after the success of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl import project_file

SOURCE = "vcs_source: {repo: self}"
JOBS = '{id: j, steps: [{run: "echo {{event}} {{branch}}"}]}, {id: k, steps: [{run: x}]}'
FILE = f"""\
version: 1
project: {{name: shop}}
pipelines:
  - {{id: build, on: {{push: {{}}}}, {SOURCE}, jobs: [{JOBS}]}}
  - {{id: ship, on: {{after: [build]}}, depends_on: [build], {SOURCE}, jobs: [{JOBS}]}}
  - {{id: tell, on: {{after: [ship]}}, {SOURCE}, jobs: [{JOBS}]}}
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": FILE})
    return made


def follow(server: RunningServer) -> None:
    server.services.triggers.followers.run_once()


def runs(server: RunningServer) -> list[dict[str, Any]]:
    """Return all runs, the oldest first."""
    return list(reversed(server.get("/api/v1/runs").json["runs"]))


def told(server: RunningServer) -> list[tuple[str, str, str]]:
    return [(run["pipeline"], run["event"], run["status"]) for run in runs(server)]


def test_a_pipeline_starts_after_the_success_of_another(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["build"])
    follow(server)
    assert told(server) == [("build", "manual", "queued")]
    finish_everything(server)
    server.restart()
    follow(server)
    follow(server)
    assert told(server) == [("build", "manual", "succeeded"), ("ship", "after", "queued")]
    first, second = runs(server)
    assert (second["sha"], second["branch"], second["ref"]) == (first["sha"], "main", first["ref"])
    finish_everything(server)
    follow(server)
    finish_everything(server)
    follow(server)
    assert told(server)[2:] == [("tell", "after", "succeeded")]


def test_what_follows_is_of_the_commit_of_the_run(server: RunningServer, origin: Origin) -> None:
    import_project(server, origin.url)
    server.post("/api/v1/projects/1/check")
    branch = FILE.replace("id: ship", "id: deliver").replace("after: [ship]", "after: [deliver]")
    origin.commit({"cictl.yaml": branch}, branch="next")
    server.post("/api/v1/projects/1/check")
    finish_everything(server)
    follow(server)
    assert [(run["pipeline"], run["branch"]) for run in runs(server)] == [("build", "next"), ("deliver", "next")]


def test_a_failure_starts_nothing(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    server.run(ids["build"])
    finish_everything(server, "failed")
    follow(server)
    assert told(server) == [("build", "manual", "failed")]
    assert [row["value"] for row in server.content()["settings"] if row["key"] == "followed_runs"] == ["{}\n"]


@pytest.mark.parametrize("part", [{"pipeline_job_id": "j"}, {"dry_run": True}])
def test_a_part_of_a_run_starts_nothing(server: RunningServer, origin: Origin, part: dict[str, Any]) -> None:
    server.run(import_project(server, origin.url)["build"], **part)
    finish_everything(server)
    follow(server)
    assert [run["pipeline"] for run in runs(server)] == ["build"]


def test_a_repository_that_is_away_is_waited_for(server: RunningServer, origin: Origin) -> None:
    server.run(import_project(server, origin.url)["build"])
    finish_everything(server)
    origin.hide()
    follow(server)
    origin.path.with_name("hidden").rename(origin.path)
    follow(server)
    assert len(runs(server)) == 1, "it is not asked again at once"
    server.clock.step(10)
    follow(server)
    assert [run["pipeline"] for run in runs(server)] == ["build", "ship"]


def test_what_follows_and_cannot_be_planned_is_a_failed_run(server: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": FILE.replace("{id: ship, ", "{id: ship, inputs: {a: {required: true}}, ")})
    server.run(import_project(server, origin.url)["build"])
    finish_everything(server)
    follow(server)
    assert told(server)[1] == ("ship", "after", "failed")


def test_a_circle_is_refused() -> None:
    circle = FILE.replace("on: {push: {}}", "on: {after: [tell]}")
    [finding] = project_file.lint(circle, config_file="cictl.yaml")
    expected = 'pipelines start each other for ever by on.after: "build -> tell -> ship -> build"'
    assert finding.message == expected
