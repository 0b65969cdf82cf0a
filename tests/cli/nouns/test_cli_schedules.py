"""`cictl schedules`: when runs start by the clock, and keeping them from it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

JOBS = "jobs: [{id: make, steps: [{run: x}]}]"


@pytest.fixture
def nightly(server: RunningServer) -> RunningServer:
    """The project tea has a pipeline with two schedules, and one with one."""
    both = '{cron: "30 2 * * *", timezone: Europe/Berlin}, {cron: "@hourly", inputs: {level: full}}'
    server.define_project(
        f"pipelines: [{{id: brew, inputs: {{level: {{}}}}, on: {{schedule: [{both}]}}, {JOBS}}}, "
        f"{{id: wash, on: {{schedule: [{{cron: '@weekly'}}]}}, {JOBS}}}]",
        name="tea",
    )
    return server


def test_the_list_tells_times_and_next_runs(run: Run, nightly: RunningServer) -> None:
    ran = run("schedules", "list", "--project", "tea", "-o", "wide")
    title, brew, hourly, _ = ran.out.splitlines()
    assert title.split()[:5] == ["SCHEDULE", "TIMES", "STATE", "NEXT", "IN"]
    assert brew.startswith("tea/brew#1  30 2 * * * Europe/Berlin  active")
    assert hourly.rstrip().endswith("level=full")


def test_next_times_are_shown_the_soonest_first(run: Run, nightly: RunningServer) -> None:
    rows = [line.split("  ")[0] for line in run("schedules", "next", "tea", "--count", "3").out.splitlines()[1:]]
    times = [datetime.fromisoformat(row) for row in rows]
    assert (len(times), times) == (9, sorted(times))
    assert times[0] - nightly.clock.now.replace(minute=0, second=0) == timedelta(hours=1)


def test_next_times_as_json(run: Run, nightly: RunningServer) -> None:
    [brew, hourly] = run("schedules", "next", "tea/brew", "--count", "2", "-o", "json").json()["schedules"]
    assert (brew["name"], len(brew["next_utc"]), len(hourly["next_utc"])) == ("tea/brew#1", 2, 2)
    assert run("schedules", "next", "tea/wash", "--query", "schedules[0].next_utc[0]").code == 0


def test_a_pause_is_shown_and_ended(run: Run, nightly: RunningServer) -> None:
    assert run("schedules", "pause", "tea/wash", "--reason", "no soap").err == "paused: tea/wash#1\n"
    assert "paused" in run("schedules", "list").out
    assert "no soap" in run("schedules", "list").out
    assert run("schedules", "next", "tea/wash").err == "no schedule starts a run\n"
    assert run("schedules", "resume", "tea/wash#1").err == "resumed: tea/wash#1\n"
    assert "no soap" not in run("schedules", "list").out


def test_one_is_run_at_once(run: Run, nightly: RunningServer) -> None:
    ran = run("schedules", "run", "tea/brew#2", "-o", "json")
    assert (ran.code, ran.json()["pipeline_id"]) == (0, "brew")
    assert "of tea/brew#2: 1 job" in ran.err
    [started] = nightly.get("/api/v1/runs").json["runs"]
    assert started["inputs"] == {"level": "full"}


def test_a_pipeline_with_two_schedules_is_no_name_of_one(run: Run, nightly: RunningServer) -> None:
    ran = run("schedules", "run", "tea/brew")
    assert ran.code == ExitCode.USAGE
    assert "tea/brew#1, tea/brew#2" in ran.err
