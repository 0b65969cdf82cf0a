"""`cictl queue`: pauses of everything and of one project, shown, set and ended."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

JOBS = "[{id: make, steps: [{run: x}]}]"


@pytest.fixture
def paused(server: RunningServer, run: Run) -> RunningServer:
    """All jobs are paused, and those of the project shop by themselves."""
    server.define(JOBS)
    assert run("queue", "pause", "--reason", "moving").err == "paused: everything\n"
    assert run("queue", "pause", "--project", "shop", "--reason", "release").err == "paused: shop\n"
    return server


def test_nothing_is_paused(run: Run, server: RunningServer) -> None:
    ran = run("queue", "show")
    assert (ran.code, ran.err) == (0, "nothing is paused\n")
    assert run("queue", "show", "-o", "name").out == ""


def test_pauses_are_shown_with_their_reasons(run: Run, paused: RunningServer) -> None:
    ran = run("queue", "show")
    assert ran.out.splitlines()[0].split() == ["PAUSED", "REASON", "SINCE", "BY"]
    assert {" ".join(line.split()[:2]) for line in ran.out.splitlines()[1:]} == {"(everything) moving", "shop release"}
    assert set(run("queue", "show", "-o", "name").out.split()) == {"everything", "shop"}


def test_each_pause_is_ended_by_itself(run: Run, paused: RunningServer) -> None:
    paused.run(1)
    assert run("queue", "resume").err == "resumed: everything; still paused: shop\n"
    assert paused.lease().job_execution is None
    assert run("queue", "resume", "--project", "shop").err == "resumed: shop\n"
    assert paused.lease().job_execution is not None


def test_what_is_refused(run: Run, paused: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("queue", "pause").code == ExitCode.USAGE
    assert run("queue", "pause", "--project", "nothing", "--reason", "x").code == ExitCode.NOT_FOUND
    monkeypatch.setenv("CICTL_READONLY", "1")
    assert run("queue", "pause", "--reason", "x").code == ExitCode.NOT_ALLOWED
    assert run("queue", "resume").code == ExitCode.NOT_ALLOWED
    assert set(run("queue", "show", "-o", "name").out.split()) == {"everything", "shop"}
