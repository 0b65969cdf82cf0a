"""What has changed since the last success, told from the commits of a real repository."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer

from cictl_server.services.projects import histories

FILE = """version: 1
project: {name: shop}
pipelines: [{id: build, vcs_source: {repo: self}, jobs: [{id: make, steps: [{run: make}]}]}]
"""

Commit = Callable[[str], str]
Run = Callable[[str], list[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", {"cictl.yaml": FILE})


@pytest.fixture
def commit(repository: Path) -> Commit:
    """Return a verb that makes a commit with a message, and returns what is shown of it."""

    def made(message: str) -> str:
        author = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        git(repository, *author, "commit", "-q", "--allow-empty", "-m", message)
        return git(repository, "log", "-1", "--format=%H")[:10] + f" {message}"

    return made


@pytest.fixture
def run(server: RunningServer, repository: Path) -> Run:
    """Return a verb that runs the newest commit to this end, and returns what its summary tells of changes."""
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository)})
    assert answer.status_code == 201, answer.text

    def ended(how: str) -> list[str]:
        server.run(1)
        job = server.finish(how)
        summary = server.get(f"/api/v1/runs/{job.metadata['pipeline_run_id']}/summary").json
        told: list[str] = summary["since_last_success"] + ["…"] * summary["truncated"]
        return told

    return ended


def test_commits_since_the_last_success_are_told(commit: Commit, run: Run) -> None:
    run("succeeded")
    first = commit("Warm the pot")
    assert run("failed") == [first]
    second, third = commit("Pour \x1b[31mslowly"), commit("Taste")
    assert run("failed") == [third, second.replace("\x1b[31m", ""), first]


def test_a_merge_tells_what_it_brings(commit: Commit, run: Run, repository: Path) -> None:
    git(repository, "branch", "side")
    base = commit("Warm the pot")
    run("succeeded")
    git(repository, "checkout", "-q", "side")
    side = commit("Cut lemons")
    git(repository, "checkout", "-q", "main")
    git(repository, "-c", "user.name=t", "-c", "user.email=t@localhost", "merge", "-q", "-m", "Merge lemons", "side")
    merge, *others = run("failed")
    assert (merge[11:], others, base in others) == ("Merge lemons", [side], False)


def test_a_long_history_is_cut(commit: Commit, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_COMMITS", 3)
    run("succeeded")
    made = [commit(f"Brew {number}") for number in range(3)]
    assert run("failed") == made[::-1]
    made.append(commit("Brew one more"))
    assert run("failed") == [*made[:0:-1], "…"]


def test_runs_are_told_where_the_repository_is_gone(
    commit: Commit, run: Run, repository: Path, server: RunningServer
) -> None:
    run("succeeded")
    told = commit("Warm the pot")
    assert run("failed") == [told]
    shutil.rmtree(repository / ".git")
    assert server.get("/api/v1/runs/2/summary").json["since_last_success"] == [told], "it is remembered"
    server.restart()
    assert server.get("/api/v1/runs/2/summary").json["since_last_success"] == [f"2 {told}"]


def test_runs_are_told_where_there_is_no_new_commit(run: Run, repository: Path) -> None:
    run("succeeded")
    sha = git(repository, "log", "-1", "--format=%H")[:10]
    assert run("failed") == [f"2 {sha} c"]
