"""git as a child process with limits."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import git
from cictl_testing.server import RunningServer

from cictl_server.errors import GitFailed
from cictl_server.services.projects.git import default_branch, fetched, list_branches


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a remote that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"git://127.0.0.1:{listener.getsockname()[1]}/x"


def large_repository(path: Path, *, files: int) -> Path:
    """Make a repository with this many files, and a project file among them, in one stream to git."""
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    project = b"version: 1\nproject: {name: large}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: make}]}]}]\n"
    stream = b"blob\nmark :1\ndata 2\nx\n\nblob\nmark :2\ndata %d\n%s\n" % (len(project), project)
    stream += b"commit refs/heads/main\ncommitter t <t@localhost> 0 +0000\ndata 1\nc\nM 100644 :2 cictl.yaml\n"
    stream += b"".join(b"M 100644 :1 src/d%d/file%d.txt\n" % (n % 100, n) for n in range(files))
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet"], input=stream, check=True)
    return path


def test_a_repository_of_ten_thousand_files(server: RunningServer, tmp_path: Path) -> None:
    repository = large_repository(tmp_path / "large", files=10_000)
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository)})
    assert (answer.status_code, answer.json["project_name"]) == (201, "large")


def test_a_remote_that_never_answers_is_given_up(silent: str) -> None:
    with pytest.raises(GitFailed, match="took too long"), fetched(silent, "", seconds=0.5):
        pass
    with pytest.raises(GitFailed, match="took too long"):
        list_branches(silent, seconds=0.5)
    assert default_branch(silent, seconds=0.5) == ""


def test_a_remote_that_nobody_serves_is_told_at_once(server: RunningServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = server.post("/api/v1/projects/import", {"repo_url": f"git://127.0.0.1:{port}/x"})
    assert answer.status_code == 400
    assert answer.text.startswith("git fetch failed: ")
    assert server.get("/api/v1/projects").json == {"projects": []}
