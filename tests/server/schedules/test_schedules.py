"""Schedules as people see and handle them: listed, paused, resumed, run by hand; and how they follow the project file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.schedules import Schedule, ScheduleList

JOBS = "jobs: [{id: work, steps: [{run: x}]}]"
HOURLY, DAILY = '{cron: "@hourly"}', '{cron: "@daily"}'


def file(**schedules: str) -> str:
    """Return a project file whose pipelines have these schedules (YAML, flow mappings)."""
    pipelines = "".join(
        f"  - {{id: {name}, on: {{schedule: [{times}]}}, inputs: {{level: {{}}}}, {JOBS}}}\n"
        for name, times in schedules.items()
    )
    return f"version: 1\nproject: {{name: shop}}\npipelines:\n{pipelines}"


def listed(server: RunningServer, query: str = "") -> list[Schedule]:
    return server.read(ScheduleList, f"/api/v1/schedules{query}").schedules


def runs(server: RunningServer) -> int:
    server.services.schedules.starting.run_once()
    return len(server.get("/api/v1/runs").json["runs"])


@pytest.fixture
def pipeline(server: RunningServer) -> int:
    """The only pipeline, with two schedules."""
    return server.define_project(f"pipelines: [{{id: build, on: {{schedule: [{HOURLY}, {DAILY}]}}, {JOBS}}}]")["build"]


def test_they_are_listed_with_their_next_times(server: RunningServer, pipeline: int) -> None:
    hourly, daily = listed(server, "?count=3")
    assert [hourly.name, daily.name] == ["shop/build#1", "shop/build#2"]
    assert hourly.next_utc == [server.clock.now + timedelta(hours=hour) for hour in (1, 2, 3)]
    assert (hourly.pipeline_db_id, hourly.number, hourly.paused, hourly.last_run) == (pipeline, 1, False, 0)


def test_a_list_is_narrowed_to_a_project_and_a_pipeline(server: RunningServer, pipeline: int) -> None:
    server.define_project(f"pipelines: [{{id: ship, on: {{schedule: [{DAILY}]}}, {JOBS}}}]", name="tea")
    assert [one.name for one in listed(server)] == ["shop/build#1", "shop/build#2", "tea/ship#1"]
    assert [one.name for one in listed(server, "?project=tea")] == ["tea/ship#1"]
    assert [one.name for one in listed(server, "?project=shop&pipeline=ship")] == []
    assert listed(server, "?project=nothing") == []
    assert server.get("/api/v1/schedules?pipeline=ship").status_code == 400


def test_a_token_that_is_bound_sees_those_of_its_projects(server: RunningServer, pipeline: int) -> None:
    server.define_project(f"pipelines: [{{id: ship, on: {{schedule: [{DAILY}]}}, {JOBS}}}]", name="tea")
    server.token("admin")
    bound = server.token("operator", "bound", projects=["tea"])
    answer = server.ask("GET", "/api/v1/schedules", bound)
    assert [one["name"] for one in answer.json["schedules"]] == ["tea/ship#1"]
    assert server.ask("POST", f"/api/v1/pipelines/{pipeline}/schedules/1/run", bound).status_code == 404


def test_a_pause_tells_by_whom_and_why_and_nothing_is_made_up_for(server: RunningServer, pipeline: int) -> None:
    admin = server.token("admin", "anna")
    path = f"/api/v1/pipelines/{pipeline}/schedules/1"
    answer = server.ask("POST", f"{path}/pause", admin, json={"reason": "the mirror\nmoves"})
    assert answer.json["next_utc"] == []
    assert (answer.json["paused_by"], answer.json["pause_reason"]) == ("anna", "the mirror moves")
    server.clock.step(5 * 3600 + 60)
    server.services.schedules.starting.run_once()
    assert server.ask("GET", "/api/v1/runs", admin).json["runs"] == []
    resumed = server.ask("POST", f"{path}/resume", admin).json
    assert (resumed["paused"], resumed["next_utc"]) == (False, ["2026-03-01T18:00:00Z"])
    assert "paused_by" not in resumed
    server.services.schedules.starting.run_once()
    assert server.ask("GET", "/api/v1/runs", admin).json["runs"] == []
    told = [(record.action, record.actor.name) for record in server.audit() if record.action.startswith("schedule")]
    assert told == [("schedule.paused", "anna"), ("schedule.resumed", "anna")]


def test_a_resume_of_what_is_not_paused_changes_nothing(server: RunningServer, pipeline: int) -> None:
    server.clock.step(3600)
    server.post(f"/api/v1/pipelines/{pipeline}/schedules/1/resume")
    assert runs(server) == 1


def test_one_is_run_by_hand_also_while_it_is_paused(server: RunningServer, pipeline: int) -> None:
    path = f"/api/v1/pipelines/{pipeline}/schedules/1"
    server.post(f"{path}/pause", {"reason": "x"})
    answer = server.post(f"{path}/run")
    assert (answer.status_code, answer.json["run_number"]) == (201, 1)
    assert server.get("/api/v1/runs/1").json["event"] == "schedule"
    hourly = listed(server)[0]
    assert (hourly.last_run, hourly.last_utc, hourly.paused) == (1, server.clock.now, True)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        pytest.param("1/pause", {}, (400, "reason is required"), id="no reason"),
        pytest.param("3/pause", {"reason": "x"}, (404, "schedule not found"), id="no such schedule"),
        pytest.param("0/resume", None, (400, "invalid schedule id"), id="numbers begin with 1"),
        pytest.param("3/run", None, (404, "schedule not found"), id="nothing to run"),
    ],
)
def test_what_makes_no_sense_is_refused(
    server: RunningServer, pipeline: int, path: str, body: dict[str, str] | None, expected: tuple[int, str]
) -> None:
    answer = server.post(f"/api/v1/pipelines/{pipeline}/schedules/{path}", body)
    assert (answer.status_code, answer.text.strip()) == expected


def test_they_follow_the_project_file(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    origin.commit({"cictl.yaml": file(a=HOURLY, b=f"{HOURLY}, {DAILY}")})
    ids = import_project(server, origin.url)
    for number in (1, 2):
        server.post(f"/api/v1/pipelines/{ids['b']}/schedules/{number}/pause", {"reason": f"was {number}"})
    server.clock.step(3600)
    assert runs(server) == 1
    [next_of_a] = listed(server)[0].next_utc
    # The first of b is gone, the second is the first now, and has other inputs. That of a is as it was.
    origin.commit({"cictl.yaml": file(a=HOURLY, b='{cron: "@daily", inputs: {level: full}}, {cron: "@weekly"}')})
    server.clock.step(60)
    server.post(f"/api/v1/projects/{ids['project']}/reload")
    a, daily, weekly = listed(server)
    assert (a.next_utc, a.last_run) == ([next_of_a], 1)
    assert (daily.cron, daily.number, daily.pause_reason, daily.inputs) == ("@daily", 1, "was 2", {"level": "full"})
    assert (weekly.cron, weekly.paused, weekly.next_utc[0] > server.clock.now) == ("@weekly", False, True)


def test_they_are_gone_with_their_pipeline_and_their_project(server: RunningServer, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    origin.commit({"cictl.yaml": file(a=HOURLY, b=DAILY)})
    project = import_project(server, origin.url)["project"]
    origin.commit({"cictl.yaml": file(b=DAILY)})
    server.post(f"/api/v1/projects/{project}/reload")
    assert [one.name for one in listed(server)] == ["shop/b#1"]
    server.http.simulate_delete(f"/api/v1/projects/{project}")
    assert listed(server) == []
    server.clock.step(24 * 3600)
    assert runs(server) == 0
