"""Runs that start by the clock: each instant once, and one for all that were missed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.runs import Run
from cictl.wire.schedules import Schedule, ScheduleList
from cictl_server.store.contract import Transaction

JOBS = "jobs: [{id: work, steps: [{run: x}]}]"


def define(server: RunningServer, schedule: str, *, rest: str = "") -> int:
    """Store a pipeline with this schedule (YAML, a flow mapping), and return its id."""
    return server.define_project(f"pipelines: [{{id: build, on: {{schedule: [{schedule}]}}, {rest} {JOBS}}}]")["build"]


def look(server: RunningServer) -> list[Run]:
    """Let the server start what is due, and return all runs, the oldest first."""
    server.services.schedules.starting.run_once()
    found = server.get("/api/v1/runs?limit=500").json["runs"]
    return [server.read(Run, f"/api/v1/runs/{run['number']}") for run in reversed(found)]


def schedule_of(server: RunningServer) -> Schedule:
    """Return the only schedule."""
    [schedule] = server.read(ScheduleList, "/api/v1/schedules").schedules
    return schedule


def starts(server: RunningServer, until: datetime, *, step: timedelta) -> list[datetime]:
    """Let time pass until *until*, look at each *step*, and return when runs were started."""
    while server.clock.now < until:
        server.clock.step(step.total_seconds())
        server.services.schedules.starting.run_once()
    return [run.created_utc for run in look(server)]


def test_a_run_starts_at_the_very_instant_and_says_why(server: RunningServer) -> None:
    rest = "inputs: {level: {}, other: {default: y}},"
    define(server, '{cron: "30 12 * * *", inputs: {level: full}}', rest=rest)
    server.clock.step(30 * 60 - 1)
    assert look(server) == []
    server.clock.step(1)
    [run] = look(server)
    assert (run.event, run.started_by, run.inputs) == (
        "schedule",
        "schedule shop/build#1",
        {"level": "full", "other": "y"},
    )
    found = schedule_of(server)
    assert (found.last_run, found.last_utc) == (run.number, server.clock.now)
    assert found.next_utc == [server.clock.now + timedelta(days=1)]
    [record] = server.audit(action="run.started")
    assert (record.actor.kind, record.actor.name) == ("system", "schedule shop/build#1")
    assert len(look(server)) == 1


def test_hours_are_those_of_the_zone(server: RunningServer) -> None:
    define(server, '{cron: "0 15 * * *", timezone: Europe/Berlin}')
    server.clock.step(2 * 3600 - 1)
    assert look(server) == []
    server.clock.step(1)
    assert len(look(server)) == 1, "at 14:00 UTC clocks in Berlin show 15:00"


def test_conditions_and_templates_know_the_event(server: RunningServer) -> None:
    jobs = "[{id: a, if: event == 'schedule', steps: [{run: '{{event}}'}]}, {id: b, if: event == 'manual', steps: [{run: x}]}]"
    server.define_project(f"pipelines: [{{id: build, on: {{schedule: [{{cron: '@daily'}}]}}, jobs: {jobs}}}]")
    server.clock.step(12 * 3600)
    [run] = look(server)
    assert (run.counts.queued, run.counts.skipped) == (1, 1)
    assert server.leased().script == "schedule"


def test_a_schedule_builds_its_ref(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    source = "vcs_source: {repo: self}, on: {schedule: [{cron: '@hourly', ref: stable}]}"
    sha = origin.commit(
        {"cictl.yaml": f"version: 1\nproject: {{name: shop}}\npipelines: [{{id: build, {source}, {JOBS}}}]"}
    )
    import_project(server, origin.url)
    origin.push("stable")
    server.clock.step(3600)
    [run] = look(server)
    assert (run.branch, run.sha) == ("stable", sha)


@pytest.mark.parametrize("cron", ["@hourly", "0 3 * * *"])
def test_after_a_day_without_a_server_one_run_is_made_up_for(server: RunningServer, cron: str) -> None:
    define(server, f'{{cron: "{cron}"}}')
    server.close()
    server.clock.step(30 * 3600 + 7)
    server.start()
    assert len(look(server)) == 1
    [following] = schedule_of(server).next_utc
    assert server.clock.now < following <= server.clock.now + timedelta(days=1)
    assert len(look(server)) == 1


def test_a_clock_that_is_set_back_repeats_nothing(server: RunningServer) -> None:
    define(server, '{cron: "*/10 * * * *"}')
    begin = server.clock.now
    assert len(starts(server, begin + timedelta(hours=1), step=timedelta(minutes=1))) == 6
    server.clock.jump(-2 * 3600)
    again = starts(server, begin + timedelta(hours=2), step=timedelta(minutes=1))
    assert again == [begin + timedelta(minutes=10 * count) for count in range(1, 13)]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        pytest.param("Europe/Berlin", ("2026-03-28", "2026-10-24"), id="Berlin"),
        pytest.param("America/New_York", ("2026-03-07", "2026-10-31"), id="New York"),
        pytest.param("Australia/Lord_Howe", ("2026-10-03", "2026-04-04"), id="Lord Howe"),
    ],
)
@pytest.mark.parametrize("time", ["15 2", "45 1"])
def test_each_day_has_one_run_also_where_clocks_change(
    server: RunningServer, zone: str, days: tuple[str, str], time: str
) -> None:
    for day in days:
        begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
        server.clock.now = begin.astimezone(UTC)
        define(server, f'{{cron: "{time} * * *", timezone: {zone}}}')
        before = len(look(server))
        found = starts(server, (begin + timedelta(days=3)).astimezone(UTC), step=timedelta(minutes=15))[before:]
        assert [instant.astimezone(ZoneInfo(zone)).day for instant in found] == [
            (begin + timedelta(days=n)).day for n in range(3)
        ]
        for project in server.get("/api/v1/projects").json["projects"]:
            server.http.simulate_delete(f"/api/v1/projects/{project['id']}")


def test_29_february(server: RunningServer) -> None:
    define(server, '{cron: "0 0 29 2 *"}')
    assert schedule_of(server).next_utc == [datetime(2028, 2, 29, tzinfo=UTC)]
    server.clock.now = datetime(2028, 2, 29, tzinfo=UTC)
    assert len(look(server)) == 1
    assert schedule_of(server).next_utc == [datetime(2032, 2, 29, tzinfo=UTC)]


def test_threads_that_look_at_once_start_one_run(server: RunningServer) -> None:
    define(server, '{cron: "@hourly"}')
    server.clock.step(3600)
    threads = [threading.Thread(target=server.services.schedules.starting.run_once) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(look(server)) == 1


def test_a_remote_that_is_away_is_asked_again_and_the_run_is_not_lost(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    source = "vcs_source: {repo: self}, on: {schedule: [{cron: '@daily', ref: main}]}"
    origin.commit({"cictl.yaml": f"version: 1\nproject: {{name: shop}}\npipelines: [{{id: build, {source}, {JOBS}}}]"})
    import_project(server, origin.url)
    server.clock.step(12 * 3600)
    origin.hide()
    assert look(server) == []
    assert "git" in schedule_of(server).problem
    origin.path.with_name("hidden").rename(origin.path)
    server.clock.step(9)
    assert look(server) == []
    server.clock.step(1)
    assert len(look(server)) == 1
    assert (schedule_of(server).problem, len(schedule_of(server).next_utc)) == ("", 1)


def test_what_can_not_be_run_is_told_and_waits_for_its_next_time(server: RunningServer) -> None:
    first = f"{{id: first, {JOBS}}}"
    server.define_project(
        f"pipelines: [{first}, {{id: build, depends_on: [first], on: {{schedule: [{{cron: '@daily'}}]}}, {JOBS}}}]"
    )
    server.clock.step(12 * 3600)
    assert look(server) == []
    found = schedule_of(server)
    assert "first" in found.problem
    assert found.next_utc == [server.clock.now + timedelta(days=1)]


def test_projects_that_an_earlier_version_loaded_have_schedules_too(server: RunningServer) -> None:
    define(server, '{cron: "@hourly"}')

    def forget(tx: Transaction) -> None:
        for schedule in list(tx.schedules.iter_all()):
            tx.schedules.delete(schedule.id)

    server.store.write(forget)
    server.restart()
    look(server)
    assert schedule_of(server).next_utc == [server.clock.now + timedelta(hours=1)]
