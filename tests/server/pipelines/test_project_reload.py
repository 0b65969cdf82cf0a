"""What makes two imports the same project, and what a reload keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - {id: z, jobs: [{id: j, steps: [{run: x}]}]}
  - {id: a, depends_on: [z], jobs: [{id: j, steps: [{run: x}]}]}
pipeline_chains: [{id: z, pipelines: [z, a]}, {id: a, pipelines: [a]}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": FILE, "second.yaml": FILE})
    return made


def projects(server: RunningServer) -> list[dict[str, Any]]:
    return list(server.get("/api/v1/projects").json["projects"])


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        pytest.param({"repo_ref": " main "}, True, id="the default branch by name"),
        pytest.param({"config_file": "./cictl.yaml"}, True, id="the default file by name"),
        pytest.param({"repo_ref": "refs/heads/main"}, False, id="a full ref name"),
        pytest.param({"config_file": "second.yaml"}, False, id="another file"),
    ],
)
def test_url_ref_and_file_make_a_project(
    server: RunningServer, origin: Origin, fields: dict[str, str], is_same: bool
) -> None:
    first = import_project(server, origin.url)
    assert (import_project(server, origin.url, **fields)["project"] == first["project"]) is is_same


def test_pipelines_and_chains_are_listed_by_id(server: RunningServer, origin: Origin) -> None:
    import_project(server, origin.url)
    [project] = projects(server)
    assert [pipeline["pipeline_id"] for pipeline in project["pipelines"]] == ["a", "z"]
    assert [chain["chain_id"] for chain in project["pipeline_chains"]] == ["a", "z"]
    detail = server.get(f"/api/v1/projects/{project['id']}").json["project"]
    assert [pipeline["pipeline_id"] for pipeline in detail["pipelines"]] == ["a", "z"]


def test_a_forced_push_is_read_like_any_other(server: RunningServer, origin: Origin) -> None:
    before = import_project(server, origin.url)
    (origin.work / "cictl.yaml").write_text(FILE.replace("name: shop", "name: store"))
    git(origin.work, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-a", "--amend", "-m", "r")
    commit = origin.push()
    answer = server.post(f"/api/v1/projects/{before['project']}/reload")
    assert (answer.status_code, answer.json["project_name"]) == (200, "store")
    [project] = projects(server)
    assert (project["loaded_commit"], project["id"]) == (commit, before["project"])


def test_a_default_branch_that_appears_later_keeps_the_project(server: RunningServer, origin: Origin) -> None:
    """The identity changes with it; in the reference that makes a second project."""
    git(origin.path, "update-ref", "--no-deref", "HEAD", git(origin.path, "rev-parse", "main"))
    before = import_project(server, origin.url)
    assert projects(server)[0]["config_path"] == f"{origin.url}:cictl.yaml"
    git(origin.path, "symbolic-ref", "HEAD", "refs/heads/main")
    server.post(f"/api/v1/projects/{before['project']}/reload")
    [project] = projects(server)
    assert (project["id"], project["config_path"]) == (before["project"], f"{origin.url}@main:cictl.yaml")


def test_a_reload_of_a_remote_that_is_gone_changes_nothing(server: RunningServer, origin: Origin) -> None:
    import_project(server, origin.url)
    before = projects(server)
    origin.hide()
    server.clock.step(5)
    answer = server.post("/api/v1/projects/1/reload")
    gone = f"git fetch failed: {origin.url} is no git repository that the server's user may read\n"
    assert (answer.status_code, answer.text) == (400, gone)
    assert projects(server) == before
    assert server.post("/api/v1/projects/9/reload").text == "project not found\n"


def test_executions_are_copies(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    [job_id] = server.run(ids["z"])
    origin.commit(
        {"cictl.yaml": FILE.replace("run: x", "run: changed").replace("id: z, jobs", "id: y, jobs").replace("[z", "[y")}
    )
    assert server.post("/api/v1/projects/1/reload").status_code == 200
    assert server.job(job_id).script == "x"
    finish_everything(server)
    assert server.job(job_id).status == "succeeded"


def test_a_project_imported_again_starts_clean(server: RunningServer, origin: Origin) -> None:
    """Executions outlive their project, but count for no other one, not even of the same name."""
    ids = import_project(server, origin.url)
    server.run(ids["z"])
    finish_everything(server)
    assert server.run(ids["a"])
    assert server.http.simulate_delete("/api/v1/projects/1").status_code == 204
    again = import_project(server, origin.url)
    answer = server.post(f"/api/v1/pipelines/{again['a']}/run-selection", {})
    assert answer.text == 'pipeline "a" dependency "z" not satisfied: no previous run found\n'
    assert len(server.get("/api/v1/jobs").json["job_executions"]) == 2


def test_a_deleted_project_ends_what_its_chains_have_blocked(server: RunningServer, origin: Origin) -> None:
    ids = import_project(server, origin.url)
    _, blocked = server.run_chain(ids["z"])
    server.http.simulate_delete("/api/v1/projects/1")
    server.finish("succeeded")
    assert server.job(blocked).error == 'cancelled: load pipeline "a": pipeline not found'
