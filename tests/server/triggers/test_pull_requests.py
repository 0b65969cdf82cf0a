"""Pull requests, known by their refs alone: each counts as one of a fork."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.agents import LeaseRequest
from cictl.wire.codec import decode
from cictl.wire.projects import JobTokens, ProjectSettings
from cictl.wire.runs import Run
from cictl.wire.triggers import ProjectCheck

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    on: {pull_request: {paths: ["src/**"]}}
    vcs_source: {repo: self}
    jobs: [{id: j, steps: [{run: "echo {{event}}", env: {TOKEN: "{{ secret.deploy }}"}}]}]
  - {id: quick, on: {pull_request: {}}, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: "echo {{event}}"}]}]}
"""


def check(server: RunningServer) -> ProjectCheck:
    answer = server.post("/api/v1/projects/1/check")
    assert answer.status_code == 200, answer.text
    return decode(answer.content, ProjectCheck)


def propose(origin: Origin, ref: str, path: str) -> str:
    """Push a commit that adds a file, as the head of a pull request, and return it."""
    git(origin.work, "checkout", "-q", "--detach", "main")
    (origin.work / path).parent.mkdir(exist_ok=True)
    (origin.work / path).write_text("x")
    git(origin.work, "add", "-A")
    git(origin.work, "-c", "user.name=Eve", "-c", "user.email=eve@localhost", "commit", "-q", "-m", "Propose")
    git(origin.work, "push", "-q", "--force", "origin", f"HEAD:{ref}")
    return git(origin.work, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": FILE})
    propose(made, "refs/pull/1/head", "src/old.c")
    return made


@pytest.fixture
def watched(server: RunningServer, origin: Origin) -> RunningServer:
    """A server that has looked at a repository with an old pull request."""
    import_project(server, origin.url)
    assert check(server).started == []
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    return server


@pytest.mark.parametrize("ref", ["refs/pull/7/head", "refs/merge-requests/7/head"])
def test_a_pull_request_waits_for_an_approval(watched: RunningServer, origin: Origin, ref: str) -> None:
    sha = propose(origin, ref, "README")
    found = check(watched)
    assert [(run.pipeline, run.ref) for run in found.started] == [("quick", ref)]
    assert [one.reason for one in found.not_started] == ["`on.pull_request.paths` takes none of the changed files"]
    number = found.started[0].run_number
    run = watched.read(Run, f"/api/v1/runs/{number}")
    assert (run.status, run.event, run.sha, run.branch, run.ref) == ("waiting_approval", "pull_request", sha, "", ref)
    assert watched.lease().job_execution is None
    assert watched.post(f"/api/v1/runs/{number}/approve", {"reason": "seen"}).status_code == 200
    job = watched.leased()
    assert (job.script, job.facts.base_branch, job.facts.from_fork) == ("echo pull_request", "main", True)


def test_each_new_commit_of_a_pull_request_is_a_run(watched: RunningServer, origin: Origin) -> None:
    for path in ("src/a.c", "src/b.c"):
        propose(origin, "refs/pull/1/head", path)
        assert sorted(run.pipeline for run in check(watched).started) == ["build", "quick"]
    assert check(watched).changed == 0


def test_old_pull_requests_start_nothing_when_a_file_begins_to_want_them(server: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": FILE.replace("pull_request", "push")})
    import_project(server, origin.url)
    check(server)
    origin.commit({"cictl.yaml": FILE})
    assert check(server).started == []
    found = check(server)
    assert (found.changed, found.started) == (1, [])
    propose(origin, "refs/pull/2/head", "README")
    assert [run.pipeline for run in check(server).started] == ["quick"]


def test_secrets_are_not_for_pull_requests(watched: RunningServer, origin: Origin) -> None:
    assert watched.post("/api/v1/secrets", SecretRequest(name="deploy", value="hush")).status_code == 201
    propose(origin, "refs/pull/7/head", "src/a.c")
    [number] = [run.run_number for run in check(watched).started if run.pipeline == "build"]
    assert watched.post(f"/api/v1/runs/{number}/approve", {}).status_code == 200
    assert watched.lease().job_execution is None
    run = watched.read(Run, f"/api/v1/runs/{number}")
    assert run.status == "failed"
    assert run.jobs[0].error.endswith("runs of pull requests get no secrets")


def test_the_token_of_its_jobs_only_reads(watched: RunningServer, origin: Origin) -> None:
    watched.token("admin")
    watched.services.projects.projects.change_settings(1, ProjectSettings(job_tokens=JobTokens.START))
    propose(origin, "refs/pull/7/head", "README")
    [started] = watched.services.triggers.checks.check(1).started
    admin = watched.token("admin", name="second")
    assert watched.ask("POST", f"/api/v1/runs/{started.run_number}/approve", admin, body=b"{}").status_code == 200
    lease = watched.services.jobs.leasing.lease(LeaseRequest(agent_id="a", sends_token=True))
    assert lease.job_execution is not None
    job = f"/api/v1/jobs/{lease.job_execution.id}"
    assert watched.ask("GET", job, lease.job_token).status_code == 200
    pipeline = watched.ask("GET", "/api/v1/projects/1", admin).json["project"]["pipelines"][0]["id"]
    for path in (f"{job}/artifacts", f"/api/v1/pipelines/{pipeline}/run-selection"):
        refused = watched.ask("POST", path, lease.job_token, body=b"{}")
        assert (refused.status_code, refused.text) == (403, "the token of a job of a pull request only reads\n")
