"""`cictl run --local`: the program, a server and an agent in this process; git and the steps are real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.processes import eventually

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.jobs.stuck import failure_if_stuck
from cictl.cli.logs.tail import LogTail
from tests.cli.conftest import Run

FILE = """\
version: 1
project: {name: teahouse}
pipelines:
  - id: build
    vcs_source: {repo: self}
    jobs:
      - id: brew
        steps: [{run: "cat leaves *.txt; echo pot=$POT"}]
      - id: pour
        needs: [brew]
        approval: {}
        caches: [{id: cups, path: cups, key: k}]
        steps: [{run: "ls cups || true; mkdir -p cups; touch cups/used"}]
  - id: broken
    jobs: [{id: b, steps: [{run: "exit 7"}]}]
  - id: secret
    jobs:
      - id: own
        steps: [{run: 'test "$T" = a=b', env: {T: "{{ secret.own }}"}}]
      - id: vault
        steps:
          - run: 'test "$T" = c'
            env: {T: "{{ secret.kept }}"}
            vault: {connection: v, secrets: [{name: kept, path: p, key: k}]}
"""


@pytest.fixture
def checkout(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory: a repository whose working tree has a change. Afterwards nothing temporary is left."""
    temporary = home / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    made = make_repository(
        home / "teahouse", {"cictl.yaml": FILE, "leaves": "committed\n", ".gitignore": "hidden.txt\n"}
    )
    (made / "leaves").write_text("changed\n")
    (made / "new.txt").write_text("untracked\n")
    (made / "hidden.txt").write_text("ignored\n")
    (made / "deep").mkdir()
    monkeypatch.chdir(made / "deep")
    before = state_of(made)
    yield made
    assert state_of(made) == before
    assert sorted(temporary.rglob("*")) == []


def state_of(checkout: Path) -> object:
    """Return what a snapshot must leave as it is."""
    loose = {path: path.read_bytes() for path in (checkout / ".git").rglob("*") if path.is_file()}
    return git(checkout, "--no-optional-locks", "status", "--porcelain"), loose


def test_the_working_tree_runs_as_it_is(run: Run, checkout: Path) -> None:
    done = run("run", "--local", "build")
    assert done.code == ExitCode.OK
    assert "brew | changed\nbrew | untracked\nbrew | pot=\n" in done.out
    assert f"running teahouse/build here, from the working tree of {checkout}\n" in done.err
    assert "\npour | used\n" not in done.out


def test_a_tree_before_the_first_commit_is_nobodys_commit(
    run: Run, checkout: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = home / "fresh"
    git(home, "init", "-q", str(fresh))
    shutil.copy(checkout / "cictl.yaml", fresh)
    monkeypatch.chdir(fresh)
    assert f"running teahouse/broken here, from the working tree of {fresh}\n" in run("run", "--local", "broken").err


def test_a_second_run_finds_the_caches_of_the_first(run: Run, checkout: Path) -> None:
    assert run("run", "--local", "build/pour", "--wait").code == ExitCode.OK
    assert "used\n" in run("run", "--local", "build/pour", "--only").out


def test_the_place_that_the_checkout_came_from_is_the_working_tree(run: Run, checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://forge.invalid/teahouse.git")
    (checkout / "cictl.yaml").write_text(FILE.replace("repo: self", "repo: https://forge.invalid/teahouse.git"))
    assert "untracked\n" in run("run", "--local", "build/brew").out
    assert not [name for name in os.environ if name.startswith("GIT_CONFIG_")]
    git(checkout, "remote", "remove", "origin")
    (checkout / "cictl.yaml").write_text(FILE)


def test_variables_of_a_file_reach_all_jobs(run: Run, checkout: Path, home: Path) -> None:
    (home / "env").write_text("# of the pot\n\nPOT='iron' =x\n")
    assert "pot='iron' =x\n" in run("run", "--local", "build/brew", "--env-file", str(home / "env")).out


def test_secrets_of_a_file_are_those_of_the_server_and_of_vaults(run: Run, checkout: Path, home: Path) -> None:
    (home / "secrets").write_text("own=a=b\nkept=c\n")
    assert run("run", "--local", "secret", "--wait", "--secrets-file", str(home / "secrets")).code == ExitCode.OK


def test_a_missing_secret_is_told_before_anything_runs(run: Run, checkout: Path, home: Path) -> None:
    done = run("run", "--local", "secret")
    assert (done.code, done.out) == (ExitCode.CONFLICT, "")
    assert "--secrets-file FILE has to give own, kept" in done.err
    (home / "secrets").write_text("own=a\n")
    done = run("run", "--local", "secret/vault", "--secrets-file", str(home / "secrets"))
    assert done.code == ExitCode.CONFLICT
    assert f"{home / 'secrets'} lacks kept," in done.err
    assert (
        run("run", "--local", "secret/own", "--wait", "--secrets-file", str(home / "secrets")).code == ExitCode.FAILED
    )


def test_the_result_is_the_exit_code(run: Run, checkout: Path) -> None:
    assert run("run", "--local", "broken").code == ExitCode.FAILED


def test_the_only_pipeline_needs_no_name(run: Run, checkout: Path) -> None:
    done = run("run", "--local")
    assert done.code == ExitCode.USAGE
    assert done.err.startswith("  cictl run --local build\n  cictl run --local broken\n  cictl run --local secret\n")
    only = "version: 1\nproject: {name: p}\npipelines: [{id: one, jobs: [{id: j, steps: [{run: echo hi}]}]}]\n"
    (checkout / "cictl.yaml").write_text(only)
    assert "hi\n" in run("run", "--local").out
    (checkout / "cictl.yaml").write_text(FILE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", "no pipeline 'nope' here; there are build, broken, secret"),
        ("secret/x", "no job 'x' in secret; there are own, vault"),
    ],
)
def test_a_name_that_is_not_in_the_file(run: Run, checkout: Path, name: str, text: str) -> None:
    done = run("run", "--local", name)
    assert done.code == ExitCode.NOT_FOUND
    assert text in done.err


def test_nothing_is_said_of_the_server_of_a_local_run(run: Run, checkout: Path) -> None:
    done = run("run", "--local", "build", "--input", "x=1")
    assert done.code == ExitCode.USAGE
    assert 'error: there is no input "x"\n' in done.err


@pytest.mark.parametrize(
    ("chain", "hint"),
    [
        ("pipeline_chains: [{id: all, pipelines: [build, ship]}]", "cictl run --local all"),
        ("", "a chain of them in pipeline_chains"),
    ],
    ids=["chain", "no chain"],
)
def test_what_builds_on_an_earlier_run(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, chain: str, hint: str
) -> None:
    (home / "cictl.yaml").write_text(
        f"{FILE}  - {{id: ship, depends_on: [build], jobs: [{{id: s, steps: [{{run: ls}}]}}]}}\n{chain}\n"
    )
    monkeypatch.chdir(home)
    done = run("run", "--local", "ship/s")
    assert done.code == ExitCode.CONFLICT
    assert done.err.startswith("error: ship depends on build, and a local run finds no earlier run of that\n")
    assert f"try: {hint}" in done.err


def test_findings_of_the_file_are_told_as_lint_tells_them(run: Run, checkout: Path) -> None:
    (checkout / "cictl.yaml").write_text(FILE.replace("needs: [brew]", "needs: [brw]"))
    done = run("run", "--local", "build")
    assert done.code == ExitCode.ERROR
    assert done.err.startswith("cictl.yaml:10:17: pipelines[0].jobs[1].needs[0]")
    (checkout / "cictl.yaml").write_text(FILE)


@pytest.mark.parametrize(
    "options",
    [
        "--local --ref x",
        "--local --agent a",
        "--local --offline",
        "--local --reload",
        "--env-file x",
        "--secrets-file x",
        "--keep",
    ],
)
def test_options_that_mean_nothing_are_refused(run: Run, home: Path, options: str) -> None:
    assert run("run", *options.split()).code == ExitCode.USAGE


def test_what_is_kept_can_be_served(run: Run, checkout: Path, home: Path) -> None:
    done = run("run", "--local", "build/brew", "--keep")
    data = Path(done.err.rpartition("--data-dir ")[2].strip())
    assert (data / "state.json").exists()
    assert data.is_relative_to(home / "tmp")
    for path in sorted((home / "tmp").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_directory_without_repository_runs_too(
    run: Run, checkout: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = home / "plain"
    plain.mkdir()
    (plain / "cictl.yaml").write_text(FILE)
    (plain / "leaves").write_text("loose\n")
    (plain / "a.txt").write_text("file\n")
    monkeypatch.chdir(plain)
    assert "loose\nfile\n" in run("run", "--local", "build/brew").out
    assert not (plain / ".git").exists()


def test_sigterm_stops_the_steps_and_takes_all_down(checkout: Path, home: Path) -> None:
    (checkout / "cictl.yaml").write_text(FILE.replace("exit 7", "echo $$ > $PID_FILE; sleep 1000"))
    pid_file = home / "pid"
    command = [sys.executable, "-m", "cictl", "run", "--local", "broken"]
    env = {**os.environ, "TMPDIR": str(home / "tmp"), "PID_FILE": str(pid_file)}
    with subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        eventually(lambda: pid_file.exists() and pid_file.read_text().strip(), what="the step")
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()
    (checkout / "cictl.yaml").write_text(FILE)


LACKING = """\
version: 1
project: {name: teahouse}
pipelines:
  - id: build
    jobs:
      - {id: brew, requires: {tools: {no-such-kettle: "*"}}, steps: [{run: "true"}]}
      - {id: pour, needs: [brew], steps: [{run: "true"}]}
      - {id: wash, steps: [{run: echo washed}]}
"""


def test_a_tool_that_is_missing_here_ends_the_run(run: Run, checkout: Path) -> None:
    (checkout / "cictl.yaml").write_text(LACKING)
    done = run("run", "--local")
    assert done.code == ExitCode.NO_AGENT
    assert "wash | washed\n" in done.out, "what can run has run"
    assert "error: this machine cannot run brew (no-such-kettle is missing)" in done.err
    assert "cictl jobs explain" not in done.err, "no other command reaches the server of a local run"
    (checkout / "cictl.yaml").write_text(FILE)


def test_the_log_of_what_can_run_is_whole_though_it_comes_late(
    run: Run, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_stuck, follow = threading.Event(), LogTail.run

    def look_and_tell(*asked: Any) -> Failure | None:
        if failure := failure_if_stuck(*asked):
            is_stuck.set()
        return failure

    def follow_late(tail: LogTail) -> None:
        is_stuck.wait(60)
        follow(tail)

    monkeypatch.setattr("cictl.cli.jobs.wait.failure_if_stuck", look_and_tell)
    monkeypatch.setattr(LogTail, "run", follow_late)
    (checkout / "cictl.yaml").write_text(LACKING)
    assert "wash | washed\n" in run("run", "--local").out
    (checkout / "cictl.yaml").write_text(FILE)
