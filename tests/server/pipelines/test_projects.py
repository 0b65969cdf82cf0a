"""Import, reload, views and deletion of projects, from real git repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import falcon.testing
import msgspec
import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer

from cictl.wire.jobs import Source
from cictl_server.store.contract import Transaction

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: "%s"}
    jobs:
      - id: test
        requires: {tools: {git: ">=2"}}
        caches: [{id: deps, env: DEPS}]
        matrix: {include: [{name: one}, {}]}
        steps:
          - run: "true"
            skip_dry_run: true
          - test: {command: "true", report: r.xml, format: junit}
  - id: other
    depends_on: [build]
    jobs: [{id: a, steps: [{run: "true"}]}]
pipeline_chains: [{id: all, pipelines: [build, other]}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    return make_repository(path, {"cictl.yaml": FILE % path})


def import_(server: RunningServer, url: object, **fields: str) -> falcon.testing.Result:
    return server.post("/api/v1/projects/import", {"repo_url": str(url), **fields})


def projects(server: RunningServer) -> list[dict[str, Any]]:
    return list(server.get("/api/v1/projects").json["projects"])


@pytest.mark.weakness("W11")
def test_import_answers_what_it_stored(server: RunningServer, repository: Path) -> None:
    answer = import_(server, f" {repository} ")
    assert answer.status_code == 201
    assert answer.json == {
        "project_name": "shop",
        "repo_url": str(repository),
        "repo_ref": "main",
        "config_file": "cictl.yaml",
        "pipelines": 2,
        "project_id": 1,
    }
    [summary] = projects(server)
    assert summary["config_path"] == f"{repository}@main:cictl.yaml"
    assert summary["loaded_commit"] == git(repository, "rev-parse", "HEAD")
    assert [p["pipeline_id"] for p in summary["pipelines"]] == ["build", "other"]
    assert summary["pipelines"][0]["supports_dry_run"] is True
    assert summary["pipelines"][0]["source_ref"] == "main"
    assert summary["pipeline_chains"][0]["version_pipeline_id"] == summary["pipelines"][0]["id"]


def test_one_project_in_detail(server: RunningServer, repository: Path) -> None:
    import_(server, repository)
    detail = server.get("/api/v1/projects/1").json["project"]
    assert "config_path" not in detail
    build = detail["pipelines"][0]
    assert build["versioning"] == {}
    [job] = build["jobs"]
    assert job["requires_tools"] == {"git": ">=2"}
    assert job["caches"] == [{"id": "deps", "env": "DEPS"}]
    assert job["matrix_includes"] == [{"index": 0, "vars": {"name": "one"}, "name": "one"}, {"index": 1, "vars": {}}]
    assert [step["type"] for step in job["steps"]] == ["run", "test"]


@pytest.mark.weakness("W12")
def test_the_same_identity_is_the_same_project(server: RunningServer, repository: Path) -> None:
    import_(server, repository)
    before = projects(server)
    make_repository(repository, {"cictl.yaml": (FILE % repository).replace("name: shop", "name: store")})
    assert import_(server, repository, repo_ref="main").json["project_id"] == 1
    [after] = projects(server)
    assert after["name"] == "store"
    assert [p["id"] for p in after["pipelines"]] == [p["id"] for p in before[0]["pipelines"]]
    assert after["pipeline_chains"][0]["id"] == before[0]["pipeline_chains"][0]["id"]


def rename_branch(repository: Path, name: str) -> None:
    git(repository, "branch", "-m", name)


def follows(server: RunningServer) -> list[tuple[int, str, bool]]:
    return [(p["id"], p["repo_ref"], p.get("follows_default", False)) for p in projects(server)]


@pytest.mark.parametrize("how", ["import", "reload", "run"])
def test_a_project_without_a_ref_follows_the_default_branch(server: RunningServer, repository: Path, how: str) -> None:
    import_(server, repository)
    rename_branch(repository, "trunk")
    if how == "import":
        assert import_(server, repository).json["project_id"] == 1
    elif how == "reload":
        assert server.post("/api/v1/projects/1/reload").status_code == 200
    else:
        job = server.job(server.run(projects(server)[0]["pipelines"][0]["id"])[0])
        assert job.metadata["pipeline_source_ref_raw"] == "trunk"
        assert job.source == Source(repo=str(repository), ref=git(repository, "rev-parse", "HEAD"))
    assert follows(server) == [(1, "trunk", True)]
    [summary] = projects(server)
    assert summary["config_path"] == f"{repository}@trunk:cictl.yaml"
    assert summary["pipelines"][0]["source_ref"] == "trunk"


def test_a_project_with_a_ref_keeps_it(server: RunningServer, repository: Path) -> None:
    import_(server, repository, repo_ref="main")
    rename_branch(repository, "trunk")
    assert server.post("/api/v1/projects/1/reload").status_code == 400
    assert import_(server, repository).json["project_id"] == 2
    assert follows(server) == [(1, "main", False), (2, "trunk", True)]


def test_no_ref_and_the_branch_of_that_name_are_both_found(server: RunningServer, repository: Path) -> None:
    git(repository, "branch", "next")
    import_(server, repository)
    import_(server, repository, repo_ref="next")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/next")
    assert import_(server, repository).json["project_id"] == 1
    assert import_(server, repository, repo_ref="next").json["project_id"] == 2


def test_a_project_of_an_older_store_follows_once_it_is_imported_again(server: RunningServer, repository: Path) -> None:
    import_(server, repository)

    def change(tx: Transaction) -> None:
        record = tx.projects.find(1)
        assert record is not None
        tx.projects.put(msgspec.structs.replace(record, follows_default=False))

    server.store.write(change)
    server.restart()
    assert import_(server, repository).json["project_id"] == 1
    assert follows(server) == [(1, "main", True)]


def test_self_is_the_projects_own_repository_and_ref(server: RunningServer, tmp_path: Path) -> None:
    path = make_repository(tmp_path / "fork", {"cictl.yaml": FILE % "self"})
    git(path, "branch", "next")
    for repo_ref in ("", "next"):
        import_(server, path, repo_ref=repo_ref)
    sources = [(p["pipelines"][0]["source_repo"], p["pipelines"][0]["source_ref"]) for p in projects(server)]
    assert sources == [(str(path), "main"), (str(path), "next")]


def test_two_projects_of_one_name_unless_the_importer_minds(
    server: RunningServer, repository: Path, tmp_path: Path
) -> None:
    import_(server, repository)
    fork = make_repository(tmp_path / "fork", {"cictl.yaml": FILE % "self"})
    request = {"repo_url": str(fork), "refuses_taken_name": True}
    refused = server.post("/api/v1/projects/import", request)
    assert refused.status_code == 409
    assert refused.text == f'the name "shop" is taken by project 1, from {repository}\n'
    named = server.post("/api/v1/projects/import", {**request, "name": "fork"})
    assert named.json["project_name"] == "fork"
    assert server.post("/api/v1/projects/2/reload").json["project_name"] == "fork"
    assert server.post("/api/v1/projects/import", request).json["project_name"] == "fork"
    assert import_(server, make_repository(tmp_path / "third", {"cictl.yaml": FILE % "self"})).json["project_id"] == 3


def test_a_project_moves_to_another_repository_with_its_history(
    server: RunningServer, repository: Path, tmp_path: Path
) -> None:
    import_(server, repository)
    [job_id, _] = server.run(projects(server)[0]["pipelines"][0]["id"])
    fork = make_repository(tmp_path / "fork", {"cictl.yaml": FILE % "self"})
    moved = server.post("/api/v1/projects/import", {"repo_url": str(fork), "replace_id": 1})
    assert (moved.json["project_id"], moved.json["repo_url"]) == (1, str(fork))
    assert server.job(job_id).metadata["project_id"] == "1"
    import_(server, repository)
    again = server.post("/api/v1/projects/import", {"repo_url": str(repository), "replace_id": 1})
    assert (again.status_code, again.text) == (
        409,
        'project 2 ("shop") is of this repository, ref and file already\n',
    )
    assert server.post("/api/v1/projects/import", {"repo_url": str(fork), "replace_id": 9}).status_code == 404


def test_another_ref_is_another_project(server: RunningServer, repository: Path) -> None:
    git(repository, "branch", "next")
    import_(server, repository)
    assert import_(server, repository, repo_ref="next").json["project_id"] == 2


@pytest.mark.weakness("W10")
def test_an_annotated_tag_means_its_commit(server: RunningServer, repository: Path) -> None:
    git(repository, "-c", "user.name=t", "-c", "user.email=t@localhost", "tag", "-a", "v1", "-m", "v1")
    import_(server, repository, repo_ref="v1")
    assert projects(server)[0]["loaded_commit"] == git(repository, "rev-parse", "HEAD")


def test_the_reference_file_name_is_found_too(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "old"
    make_repository(path, {"ciwi-project.yaml": FILE % path})
    assert import_(server, path).json["config_file"] == "ciwi-project.yaml"


def test_reload_keeps_ids_and_drops_what_vanished(server: RunningServer, repository: Path) -> None:
    import_(server, repository)
    [before] = projects(server)
    text = (FILE % repository).partition("  - id: other")[0]
    make_repository(repository, {"cictl.yaml": text})
    answer = server.post("/api/v1/projects/1/reload")
    assert (answer.status_code, answer.json["pipelines"]) == (200, 1)
    [after] = projects(server)
    assert [p["id"] for p in after["pipelines"]] == [before["pipelines"][0]["id"]]
    assert "pipeline_chains" not in after


def test_a_broken_reload_changes_nothing(server: RunningServer, repository: Path) -> None:
    import_(server, repository)
    before = projects(server)
    make_repository(repository, {"cictl.yaml": (FILE % repository).replace("version: 1", "version: 1\nsurprise: 2")})
    answer = server.post("/api/v1/projects/1/reload")
    assert answer.status_code == 400
    assert "field surprise not found" in answer.text
    assert "line 2: column 1" in answer.text
    assert projects(server) == before


@pytest.mark.weakness("W14")
def test_delete_keeps_executions(server: RunningServer, repository: Path) -> None:
    import_(server, repository)
    pipeline = projects(server)[0]["pipelines"][0]["id"]
    [job_id, _] = server.run(pipeline)
    answer = server.http.simulate_delete("/api/v1/projects/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert projects(server) == []
    assert server.get(f"/api/v1/pipelines/{pipeline}/run-selection").status_code == 404, "gone before the method counts"
    assert server.job(job_id).status == "queued"
    assert import_(server, repository).json["project_id"] == 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"repo_url": ""}, "repo_url is required", id="no url"),
        pytest.param(
            {"repo_url": "--upload-pack=touch /tmp/x"}, 'repo_url must not begin with "-"', id="option as url"
        ),
        pytest.param({"repo_ref": "x" * 200_000}, "repo_ref is longer than 4096 characters", id="longer than any name"),
        pytest.param({"repo_ref": "--upload-pack=x"}, 'repo_ref must not begin with "-"', id="option as ref"),
        pytest.param({"repo_ref": "a\nb"}, "repo_ref must not contain control characters", id="control characters"),
        pytest.param({"config_file": "a/b.yaml"}, "config_file must point to a root-level file", id="nested file"),
        pytest.param({"config_file": "../b.yaml"}, "config_file must point to a root-level file", id="file outside"),
        pytest.param(
            {"config_file": "no.yaml"}, 'repo is not a valid cictl project: missing root file "no.yaml"', id="no file"
        ),
        pytest.param({"repo_ref": "no-such-ref"}, "git fetch failed: ", id="no ref"),
        pytest.param({"repo_url": "/no/such/repository"}, "git fetch failed: ", id="no repository"),
        pytest.param(
            {"repo_url": "ext::sh -c touch% /tmp/x"},
            'repo_url has the protocol "ext"; allowed are file, git, http, https, ssh',
            id="ext transport",
        ),
    ],
)
def test_bad_imports_are_refused_and_nothing_is_stored(
    server: RunningServer, repository: Path, fields: dict[str, str], text: str
) -> None:
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository), **fields})
    assert answer.status_code == 400
    assert answer.text.startswith(text)
    assert projects(server) == []


def test_credentials_in_a_url_never_reach_the_answer(server: RunningServer) -> None:
    answer = import_(server, "http://user:hunter2@127.0.0.1:1/x.git")
    assert answer.status_code == 400
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/api/v1/projects/9", 404, "project not found"),
        ("/api/v1/projects/x", 400, "invalid project id"),
        ("/api/v1/projects/0", 400, "invalid project id"),
    ],
)
def test_unknown_projects(server: RunningServer, path: str, code: int, text: str) -> None:
    answer = server.get(path)
    assert (answer.status_code, answer.text) == (code, text + "\n")
