"""Working trees that are sent: each is built once, as its own project file says."""

from __future__ import annotations

import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.projects import RunRequest, Worktree
from cictl_server.errors import Forbidden, NotFound
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.projects.worktrees import worktree_of
from cictl_server.services.retention.sweep import Sweep

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: self}
    inputs: {level: {default: quick}}
    jobs: [{id: JOB, steps: [{run: "echo {{event}} {{branch}} {{input.level}}"}]}]
  - id: other
    vcs_source: {repo: "https://git.example.test/other.git"}
    jobs: [{id: j, steps: [{run: x}]}]
  - id: bump
    vcs_source: {repo: self}
    versioning: {auto_bump: patch, auto_bump_vcs_token: t}
    jobs: [{id: j, steps: [{run: x}]}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "shop")
    made.commit({"cictl.yaml": FILE, "VERSION": "1.0.0"})
    return made


@pytest.fixture
def pipelines(server: RunningServer, origin: Origin) -> dict[str, int]:
    return import_project(server, origin.url)


def bundle(directory: Path, files: dict[str, str]) -> bytes:
    """Return a bundle of one commit of *files*."""
    work = make_repository(directory / f"work-{len(list(directory.iterdir()))}", files)
    git(work, "bundle", "create", "-q", "../sent.bundle", "HEAD")
    return (directory / "sent.bundle").read_bytes()


def send(server: RunningServer, body: bytes, *, project: object = 1) -> falcon.testing.Result:
    return server.http.simulate_post(f"/api/v1/projects/{project}/worktrees", body=body)


def sent(server: RunningServer, tmp_path: Path, file: str = FILE) -> Worktree:
    answer = send(server, bundle(tmp_path, {"cictl.yaml": file}))
    assert answer.status_code == 201, answer.text
    return Worktree(**answer.json)


def run(server: RunningServer, pipeline: int, worktree: str, **fields: Any) -> falcon.testing.Result:
    return server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {"worktree": worktree, **fields})


def test_what_was_sent_is_built_by_its_own_file(
    server: RunningServer, pipelines: dict[str, int], origin: Origin, tmp_path: Path
) -> None:
    tree = sent(server, tmp_path, FILE.replace("JOB", "changed"))
    answer = run(server, pipelines["build"], tree.worktree, inputs={"level": "full"})
    assert answer.status_code == 201, answer.text
    assert answer.json["pipeline_run_id"] == tree.worktree
    job = server.job(answer.json["job_execution_ids"][0])
    assert (job.metadata["pipeline_job_id"], job.script) == ("changed", "echo worktree  full")
    assert job.source is not None
    assert (job.source.repo, job.source.ref, job.source.worktree) == (origin.url, tree.commit, tree.worktree)
    [shown] = server.get("/api/v1/runs").json["runs"]
    assert (shown["event"], shown["sha"], shown["message"]) == (
        "worktree",
        tree.commit,
        "a working tree, which nobody committed",
    )
    assert "branch" not in shown


def test_an_agent_gets_the_bundle_of_a_job_that_it_has(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    server.token("admin")
    agent, stranger = (server.token("agent", name, agent_id=name) for name in ("a", "b"))
    admin = server.token("admin", "other")
    body = bundle(tmp_path, {"cictl.yaml": FILE})
    tree = server.ask("POST", "/api/v1/projects/1/worktrees", admin, body=body).json
    run_path = f"/api/v1/pipelines/{pipelines['build']}/run-selection"
    started = server.ask("POST", run_path, admin, json={"worktree": tree["worktree"]})
    [job_id] = started.json["job_execution_ids"]
    path = f"/api/v1/jobs/{job_id}/worktree"
    assert server.ask("GET", path, agent).status_code == 404
    wish = {"agent_id": "a", "capabilities": {"cictl.worktree": "1"}}
    assert server.ask("POST", "/api/v1/agent/lease", agent, json=wish).json["assigned"]
    got = server.ask("GET", path, agent)
    assert (got.status_code, got.content) == (200, body)
    assert server.ask("GET", path, agent, headers={"Range": "bytes=5-9"}).content == body[5:10]
    assert server.ask("GET", path, stranger).status_code == 404


def test_only_an_agent_that_can_build_it_takes_it(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    tree = sent(server, tmp_path)
    [job_id] = run(server, pipelines["build"], tree.worktree).json["job_execution_ids"]
    assert server.job(job_id).required_capabilities == {"cictl.worktree": "1"}
    server.heartbeat("reference")
    assert not server.lease("reference").assigned
    assert server.lease("ours", capabilities={"cictl.worktree": "1"}).assigned


def test_each_is_for_one_run(server: RunningServer, pipelines: dict[str, int], tmp_path: Path) -> None:
    tree = sent(server, tmp_path)
    assert run(server, pipelines["build"], tree.worktree).status_code == 201
    again = run(server, pipelines["build"], tree.worktree)
    assert again.status_code == 409
    assert "has been run" in again.text
    assert len(server.get("/api/v1/runs").json["runs"]) == 1


REFUSED = [
    pytest.param("build", FILE, {"source_ref": "main"}, 400, "source_ref", id="ref"),
    pytest.param("build", FILE, {"execution_mode": "offline_cached"}, 400, "execution_mode", id="offline"),
    pytest.param("build", FILE, {"inputs": {"x": "y"}}, 400, "x", id="input"),
    pytest.param("other", FILE, {}, 400, "does not build the repository of its project", id="another-repository"),
    pytest.param("bump", FILE, {}, 400, "raises the version by a push", id="bump"),
    pytest.param("build", FILE.replace("id: build", "id: built"), {}, 400, 'has no pipeline "build"', id="renamed"),
    pytest.param("build", "version: 2\n", {}, 400, "version", id="broken-file"),
]


@pytest.mark.parametrize(("pipeline", "file", "fields", "status", "said"), REFUSED)
def test_what_can_not_be_built_is_told(
    server: RunningServer,
    pipelines: dict[str, int],
    tmp_path: Path,
    pipeline: str,
    file: str,
    fields: dict[str, Any],
    status: int,
    said: str,
) -> None:
    tree = sent(server, tmp_path, file)
    answer = run(server, pipelines[pipeline], tree.worktree, **fields)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert server.get("/api/v1/runs").json["runs"] == []


def test_a_working_tree_that_nobody_sent(server: RunningServer, pipelines: dict[str, int]) -> None:
    for name in ("run-9", "../x", "a/b"):
        assert run(server, pipelines["build"], name).status_code in (400, 404)
    assert send(server, b"", project=7).status_code == 404


def test_that_of_one_project_is_not_that_of_another(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    tree = sent(server, tmp_path)
    server.define_project(
        "pipelines: [{id: b, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}]", name="p"
    )
    number = server.get("/api/v1/projects/2").json["project"]["pipelines"][0]["id"]
    assert run(server, number, tree.worktree).status_code == 404
    assert run(server, pipelines["build"], tree.worktree).status_code == 201


@pytest.mark.parametrize("body", [b"", b"no bundle", b"# v2 git bundle\n\n"])
def test_what_is_no_bundle_is_refused(server: RunningServer, pipelines: dict[str, int], body: bytes) -> None:
    assert pipelines
    answer = send(server, body)
    assert answer.status_code == 400
    assert "no bundle of git" in answer.text


def test_a_bundle_that_needs_other_commits_is_refused(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    work = make_repository(tmp_path / "deep", {"a": "1"})
    make_repository(work, {"a": "2"})
    git(work, "bundle", "create", "-q", "../thin.bundle", "HEAD", "^HEAD~1")
    assert send(server, (tmp_path / "thin.bundle").read_bytes()).status_code == 400


def test_a_large_one_is_refused(tmp_path: Path, origin: Origin) -> None:
    small = RunningServer(tmp_path / "data", settings={"artifact_limits": ArtifactLimits(total_bytes=100)})
    import_project(small, origin.url)
    answer = send(small, bundle(tmp_path, {"cictl.yaml": FILE, "x": "y" * 1000}))
    small.close()
    assert answer.status_code == 413
    assert "--max-artifacts" in answer.text


def test_a_job_starts_no_runs_of_working_trees(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    tree = sent(server, tmp_path)
    server.enqueue()
    job = server.leased()
    with server.store.read() as view:
        record = view.jobs.find(int(job.id.removeprefix("job-")))
    with pytest.raises(Forbidden):
        server.services.pipelines.worktrees.run(pipelines["build"], RunRequest(worktree=tree.worktree), starter=record)


def test_those_that_nobody_runs_go_after_a_day(
    server: RunningServer, pipelines: dict[str, int], tmp_path: Path
) -> None:
    used, unused = sent(server, tmp_path), sent(server, tmp_path)
    run(server, pipelines["build"], used.worktree)
    blobs = server.services.core.blobs
    server.clock.now = datetime.now(UTC) + timedelta(hours=25)
    Sweep(server.store, blobs, server.clock).run_if_due(threading.Event())
    left = {blob.key.rpartition("/")[2] for area in ("worktrees/", "projects/") for blob in blobs.iter_below(area)}
    assert f"{used.worktree}.bundle" in left
    assert f"{unused.worktree}.bundle" not in left


def test_a_rerun_of_what_is_not_kept_says_so(server: RunningServer, pipelines: dict[str, int], tmp_path: Path) -> None:
    tree = sent(server, tmp_path)
    [job_id] = run(server, pipelines["build"], tree.worktree).json["job_execution_ids"]
    server.services.core.blobs.delete([worktree_of(server.services.core.blobs, 1, tree.worktree)])
    assert server.get(f"/api/v1/jobs/{job_id}/worktree").status_code == 404
    with pytest.raises(NotFound) as caught:
        server.services.pipelines.worktrees.find_file(job_id)
    assert "cictl run TARGET --worktree" in caught.value.hint


def test_git_itself_takes_what_was_sent(server: RunningServer, pipelines: dict[str, int], tmp_path: Path) -> None:
    tree = sent(server, tmp_path)
    [job_id] = run(server, pipelines["build"], tree.worktree).json["job_execution_ids"]
    (tmp_path / "got.bundle").write_bytes(server.get(f"/api/v1/jobs/{job_id}/worktree").content)
    subprocess.run(["git", "clone", "-q", tmp_path / "got.bundle", tmp_path / "clone"], check=True)
    assert git(tmp_path / "clone", "rev-parse", "HEAD") == tree.commit
