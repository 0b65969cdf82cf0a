"""`cictl run TARGET --worktree`: the agent builds exactly the files of the checkout, and the checkout stays as it is."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.files import git, make_repository
from cictl_testing.processes import eventually
from cictl_testing.servers.whole import running

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.projects import ImportRequest
from cictl_client import Client
from cictl_server.serve import Server
from tests.cli.conftest import Run

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: self}
    jobs:
      - id: list
        steps:
          - run: |
              test -z "$(git status --porcelain)"
              git diff --exit-code HEAD
              find . -path ./.git -prune -o ! -type d -print | sort | while read -r file; do
                if [ -L "$file" ]; then echo "FILE $file link $(readlink "$file")"
                else echo "FILE $file $(stat -c %a "$file") $(sha256sum < "$file")"; fi
              done
pipeline_chains:
  - {id: chain, pipelines: [build]}
"""
LARGE = 100 << 20


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with running(home / "data") as made:
        monkeypatch.setenv("CICTL_SERVER_URL", made.url)
        yield made


@pytest.fixture
def checkout(home: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the project, with every kind of change in its tree."""
    first = {
        "cictl.yaml": FILE,
        "staged": "1",
        "changed": "1",
        "deleted": "1",
        "old/name": "moved\n",
        ".gitignore": "ignored\n",
    }
    origin = make_repository(home / "origin", first)
    with Client(server.url) as client:
        client.import_project(ImportRequest(repo_url=str(origin)))
    work = home / "work"
    git(home, "clone", "-q", str(origin), str(work))
    git(work, "mv", "old/name", "new-name")
    git(work, "rm", "-q", "deleted")
    (work / "staged").write_text("2")
    git(work, "add", "staged")
    (work / "changed").write_text("2")
    (work / "ignored").write_text("secret")
    (work / "ümlaut and blank").write_text("untracked")
    (work / "program").write_text("#!/bin/sh\n")
    (work / "program").chmod(0o755)
    (work / "link").symlink_to("changed")
    (work / "dangling").symlink_to("/nowhere")
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def agent(server: Server, home: Path) -> Iterator[AgentThread]:
    made = AgentThread(server, home / "agent")
    yield made
    made.stop()


def listing(checkout: Path) -> list[str]:
    """Return what the job should print of the files of *checkout*."""
    lines = []
    for path in checkout.rglob("*"):
        name = path.relative_to(checkout)
        if name.parts[0] in (".git", "ignored") or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink():
            lines.append(f"FILE ./{name} link {path.readlink()}")
        else:
            mode = "755" if os.access(path, os.X_OK) else "644"
            lines.append(f"FILE ./{name} {mode} {hashlib.sha256(path.read_bytes()).hexdigest()}  -")
    return sorted(lines)


def state_of(checkout: Path) -> object:
    """Return all that belongs to git: refs, index, stash, objects."""
    files = {path: path.read_bytes() for path in (checkout / ".git").rglob("*") if path.is_file()}
    return git(checkout, "--no-optional-locks", "status", "--porcelain"), files


def test_the_agent_builds_exactly_the_files(run: Run, checkout: Path, agent: AgentThread, home: Path) -> None:
    with (checkout / "large").open("wb") as file:
        file.write(os.urandom(8 << 20))
        file.truncate(LARGE)
    before, remote = state_of(checkout), git(home / "origin", "for-each-ref")
    done = run("run", "shop/build", "--worktree", "--follow")
    assert done.code == ExitCode.OK, done.out + done.err
    assert sorted(line for line in done.out.splitlines() if line.startswith("FILE ")) == listing(checkout)
    assert f"sending the files of {checkout} as they are, " in done.err
    assert state_of(checkout) == before
    assert git(home / "origin", "for-each-ref") == remote
    shown = run("runs", "show", "1", "-o", "json").json()
    assert (shown["event"], shown["message"]) == ("worktree", "a working tree, which nobody committed")


HOLDING = """#!/bin/sh
'{git}' "$@"
code=$?
case "$*" in *"add --all") : > '{home}/held'; until [ -e '{home}/released' ]; do sleep 0.02; done ;; esac
exit $code
"""


def test_a_kill_leaves_nothing_in_the_checkout(checkout: Path, home: Path) -> None:
    """The stand-in for git waits when it has read the tree."""
    for folder in ("tmp", "bin"):
        (home / folder).mkdir()
    (home / "bin" / "git").write_text(HOLDING.format(git=shutil.which("git"), home=home))
    (home / "bin" / "git").chmod(0o755)
    before = state_of(checkout)
    env = {**os.environ, "TMPDIR": str(home / "tmp"), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "cictl", "run", "shop/build", "--worktree"]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        eventually((home / "held").exists, what="the snapshot")
        assert [*(home / "tmp").rglob("snapshot.index")]
        os.killpg(process.pid, signal.SIGKILL)
    (home / "released").touch()
    assert state_of(checkout) == before


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["shop/build", "--ref", "main"], ExitCode.USAGE, "--ref means nothing with --worktree"),
        (["shop/build", "--offline"], ExitCode.USAGE, "--offline means nothing with --worktree"),
        (["shop/build", "--local"], ExitCode.USAGE, "--worktree means nothing with --local"),
        (["shop/chain"], ExitCode.USAGE, "is for one pipeline, not for a chain"),
        (["shop/nothing"], ExitCode.NOT_FOUND, "not found"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, checkout: Path, options: list[str], code: int, said: str) -> None:
    done = run("run", *options, "--worktree")
    assert (done.code, said in done.err) == (code, True)


def test_outside_of_a_checkout_there_is_nothing_to_send(
    run: Run, checkout: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checkout.exists()
    monkeypatch.chdir(home / "data")
    done = run("run", "shop/build", "--worktree")
    assert done.code == ExitCode.USAGE
    assert "this is no checkout" in done.err
