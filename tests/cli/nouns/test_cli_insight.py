"""`cictl insight`: how runs went, and how much agents worked."""

from __future__ import annotations

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run


@pytest.fixture
def worked(server: RunningServer) -> RunningServer:
    """Agent a ran shop/build three times, for half an hour, a quarter, and a minute; the last time it failed."""
    pipeline = server.define("[{id: check, steps: [{run: x}]}]")
    server.heartbeat()
    for seconds, status in ((1800, "succeeded"), (900, "succeeded"), (60, "failed")):
        server.run(pipeline)
        job = server.running()
        server.clock.step(seconds)
        server.report(job.id, status)
    return server


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_pipelines(run: Run, worked: RunningServer) -> None:
    ran = run("insight", "pipelines", "--project", "shop")
    assert rows(ran.out) == [
        ["PIPELINE", "RUNS", "SUCCEEDED", "TAKES", "LAST", "RUN", "LAST", "STATUS"],
        ["shop/build", "3", "66", "%", "22m30s", "3", "failed"],
    ]
    assert ran.err == ""
    [told] = run("insight", "pipelines", "--pipeline", "build", "-o", "json").json()["pipelines"]
    assert (told["succeeded"], told["failed"], told["median_seconds"]) == (2, 1, 1350)
    assert [one["number"] for one in told["runs"]] == [1, 2, 3]


def test_agents(run: Run, worked: RunningServer) -> None:
    [_, line] = rows(run("insight", "agents").out)
    assert line[:4] == ["a", "1", "3", "46m00s"]
    assert run("insight", "agents", "-o", "name").out == "a\n"


def test_nothing_ran_yet(run: Run, server: RunningServer) -> None:
    assert run("insight", "branches").err == "no run has ended yet\n"
    assert run("insight", "agents").err == "no agent has connected yet\n"
    assert run("insight", "pipelines", "--project", "tea").code == ExitCode.NOT_FOUND
