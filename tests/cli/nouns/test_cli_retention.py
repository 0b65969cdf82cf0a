"""`cictl retention` and `cictl runs`."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run


@pytest.fixture
def runs(server: RunningServer) -> RunningServer:
    """Three runs of shop/build that failed, each with a log of ten bytes."""
    pipeline = server.define("[{id: make, steps: [{run: x}]}]")
    for _ in range(3):
        [job_id] = server.run(pipeline)
        server.running()
        server.report(job_id, "failed", output="0123456789")
    return server


def test_limits_are_shown_and_set(run: Run, runs: RunningServer) -> None:
    assert [line.split("  ")[0] for line in run("retention", "show").out.splitlines()] == ["PROJECT", "(all projects)"]
    ran = run("retention", "set", "--keep-runs", "1")
    assert (ran.code, ran.err) == (0, "2 runs with 2 jobs, 2 logs and 0 artifacts (20 B) would go\n")
    assert run("retention", "set", "--project", "sho", "--log-days", "3").err == ran.err
    shown = run("retention", "show", "-o", "json").json()
    assert shown["default"] == {"keep_runs": 1, "keep_days": 0, "artifact_days": 90, "log_days": 0}
    assert (shown["projects"][0]["project"], shown["projects"][0]["own"]) == ("shop", ["log_days"])
    run("retention", "set", "--project", "shop", "--reset")
    assert "projects" not in run("retention", "show", "-o", "json").json()


def test_a_preview_and_a_run(run: Run, runs: RunningServer) -> None:
    assert run("retention", "preview").out == "nothing is old enough to go\n"
    assert run("retention", "preview", "-o", "json").json() == {
        "runs": 0,
        "jobs": 0,
        "logs": 0,
        "artifacts": 0,
        "bytes": 0,
    }
    run("retention", "set", "--keep-runs", "1")
    assert run("retention", "run").code == ExitCode.USAGE
    assert len(run("jobs", "list", "-o", "name").out.splitlines()) == 3
    ran = run("retention", "run", "--yes", "-o", "json")
    assert (ran.code, ran.json()["runs"]) == (0, 2)
    assert ran.err.splitlines()[-1] == "2 runs with 2 jobs, 2 logs and 0 artifacts (20 B) gone"
    assert len(run("jobs", "list", "-o", "name").out.splitlines()) == 1


def test_runs_are_pinned(run: Run, runs: RunningServer) -> None:
    run("retention", "set", "--keep-runs", "1")
    assert run("runs", "pin", "1").err == "run 1: pinned\n"
    assert "Pinned:" in run("jobs", "show", "1/make").out
    assert run("retention", "preview", "-o", "json").json()["runs"] == 1
    assert run("runs", "unpin", "1", "-o", "json").json()["pinned"] is False
    assert run("retention", "preview", "-o", "json").json()["runs"] == 2
    assert run("runs", "pin", "77").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("options", [(), ("--keep-runs", "-1"), ("--log-days", "soon")])
def test_what_cannot_be_set(run: Run, runs: RunningServer, options: tuple[str, ...]) -> None:
    assert run("retention", "set", *options).code == ExitCode.USAGE


def test_an_unknown_project(run: Run, runs: RunningServer) -> None:
    assert run("retention", "set", "--project", "nobody", "--log-days", "1").code == ExitCode.NOT_FOUND


def test_read_only(run: Run, runs: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    for command in (("retention", "set", "--keep-runs", "1"), ("retention", "run", "--yes"), ("runs", "pin", "1")):
        assert run(*command).code == ExitCode.NOT_ALLOWED
    assert run("retention", "show").code == 0
