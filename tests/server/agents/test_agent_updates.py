"""The rollout of a version: when each agent is asked, and what follows when it does not work out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.installation.releases.settings import ReleaseSettings
from cictl_server.services.fleet.rollout import back_off
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.store.records.settings import SettingRecord

UPDATE_KEYS = {
    "update_requested",
    "update_attempts",
    "update_in_progress",
    "update_last_request_utc",
    "update_next_retry_utc",
    "update_last_error",
    "update_last_error_utc",
}


@dataclass
class Fleet:
    """A server with agents of version 1.0.0; the clock starts at 0."""

    server: RunningServer

    def aim(self, target: str) -> None:
        self.server.store.write(lambda tx: tx.settings.put(SettingRecord(key="agent_update_target", value=target)))

    def step(self, seconds: float) -> None:
        self.server.clock.step(seconds)

    def beat(self, agent_id: str = "a", *, version: str = "1.0.0", failure: str = "") -> str:
        """Send a heartbeat, and return the version that the agent is asked to run."""
        answer = self.server.heartbeat(agent_id, version=version, update_failure=failure)
        assert answer.update_requested == bool(answer.update_target)
        return answer.update_target

    def asked(self) -> None:
        """Bring agent a to its first attempt at 2.0.0."""
        self.aim("2.0.0")
        self.beat()
        self.step(10)
        assert self.beat() == "2.0.0"

    def work(self) -> str:
        """Let agent a run a job, and return its id."""
        self.server.enqueue()
        return self.server.running().id

    def view(self, agent_id: str = "a") -> dict[str, Any]:
        agent: dict[str, Any] = self.server.get(f"/api/v1/agents/{agent_id}").json["agent"]
        return agent

    def updates(self) -> dict[str, Any]:
        """Return what the view of agent a says of updates, as far as it says something."""
        return {key: value for key, value in self.view().items() if key in UPDATE_KEYS}

    def lines(self, agent_id: str = "a") -> list[str]:
        log = self.view(agent_id).get("recent_log", [])
        return [line.split(" ", 4)[4] for line in log if " heartbeat version=" not in line]

    def time(self, seconds: float) -> str:
        """Return the local time in so many seconds, as lines show it."""
        return f"{(self.server.clock.now + timedelta(seconds=seconds)).astimezone():%H:%M:%S}"


@pytest.fixture
def fleet(server: RunningServer) -> Fleet:
    reference = {"CIWI_UPDATE_REPO": "izzyreal/ciwi"}
    server.update_tools = UpdateTools.from_environment(reference, version=server.version, data_dir=server.directory)
    server.restart()
    return Fleet(server)


@pytest.mark.parametrize(
    ("setting", "version", "target"),
    [
        pytest.param("", "1.0.0", "", id="no setting, no updates"),
        pytest.param("1.5.0", "1.5.0", "", id="reached; the server's version only counts where it is newer"),
        pytest.param("1.5.0", "1.0.0", "1.5.0", id="newer"),
        pytest.param("1.5.0", "1.6.0", "1.5.0", id="going back"),
        pytest.param("1.0.0", "1.0.0", "1.2.3", id="the server is newer than the setting"),
        pytest.param("1.5.0", "dev", "1.5.0", id="an unknown version"),
        pytest.param("v1.5.0", "1.5.0+build", "", id="the same in other words"),
    ],
)
def test_targets(fleet: Fleet, setting: str, version: str, target: str) -> None:
    fleet.aim(setting)
    assert fleet.beat(version=version) == ""
    fleet.step(10)
    assert fleet.beat(version=version) == target


@pytest.mark.parametrize(("agent_id", "seconds"), [("a", 10), ("b", 12), ("c", 14)])
def test_agents_are_asked_one_after_another(fleet: Fleet, agent_id: str, seconds: float) -> None:
    fleet.aim("2.0.0")
    for name in ("a", "b", "c"):
        fleet.beat(name)
    fleet.step(seconds - 0.001)
    assert fleet.beat(agent_id) == ""
    fleet.step(0.001)
    assert fleet.beat(agent_id) == "2.0.0"


def test_lines_of_a_rollout(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat("b")
    fleet.beat()
    due = fleet.time(12)
    fleet.step(12)
    fleet.beat()
    assert fleet.lines() == [
        f"scheduled automatic update to 2.0.0 at {due} (in=12s, slot=1)",
        "server requested update to 2.0.0 (attempt=1)",
    ]


def test_a_late_comer_may_be_due_at_once(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat()
    fleet.step(60)
    due = fleet.time(12 - 60)
    assert fleet.beat("b") == "2.0.0"
    assert fleet.lines("b")[0] == f"scheduled automatic update to 2.0.0 at {due} (in=0s, slot=1)"


def test_another_target_starts_the_rollout_anew(fleet: Fleet) -> None:
    fleet.asked()
    fleet.beat("b")
    fleet.aim("3.0.0")
    fleet.beat("b")
    fleet.beat("a", failure="no space")
    assert "update_attempts" not in fleet.updates()
    fleet.step(10)
    assert (fleet.beat("b"), fleet.beat("a")) == ("3.0.0", "")
    fleet.step(2)
    assert fleet.beat("a") == "3.0.0"


def test_the_answer_says_where_the_version_is(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat()
    fleet.step(10)
    answer = fleet.server.post("/api/v1/heartbeat", {"agent_id": "a", "version": "1.0.0"})
    assert answer.json == {
        "accepted": True,
        "message": "server requested agent update",
        "update_requested": True,
        "update_target": "2.0.0",
        "update_repository": "izzyreal/ciwi",
        "update_api_base": "https://api.github.com",
    }


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, ("", "https://api.github.com"), id="defaults"),
        pytest.param(
            {"CIWI_UPDATE_REPO": "o/r", "CIWI_UPDATE_API_BASE": "http://h/api//"}, ("o/r", "http://h/api"), id="ciwi"
        ),
        pytest.param(
            {"CIWI_UPDATE_REPO": "o/r", "CICTL_UPDATE_REPO": "p/q"}, ("p/q", "https://api.github.com"), id="both"
        ),
        pytest.param({"CICTL_UPDATE_REPO": " ", "CICTL_UPDATE_API_BASE": "http://h/"}, ("", "http://h"), id="blank"),
    ],
)
def test_settings_of_the_source(environment: dict[str, str], expected: tuple[str, str]) -> None:
    source = ReleaseSettings.from_environment(environment)
    assert (source.repository, source.api_base) == expected


def test_an_attempt_has_forty_seconds(fleet: Fleet) -> None:
    fleet.asked()
    fleet.step(39.999)
    assert fleet.beat() == ""
    assert fleet.updates()["update_in_progress"] is True
    fleet.step(0.001)
    assert fleet.beat() == ""
    assert "update_in_progress" not in fleet.updates()
    assert fleet.lines()[-1] == f"update attempt to 2.0.0 did not complete; retry at {fleet.time(30)} (attempt=1)"
    fleet.step(29.999)
    assert fleet.beat() == ""
    fleet.step(0.001)
    assert fleet.beat() == "2.0.0"
    assert fleet.lines()[-1] == "server requested update to 2.0.0 (attempt=2)"


def test_a_reported_failure_ends_an_attempt(fleet: Fleet) -> None:
    fleet.asked()
    fleet.step(5)
    assert fleet.beat(failure="no\n space") == ""
    assert fleet.lines()[-1] == f"update attempt to 2.0.0 failed: no space; retry at {fleet.time(30)} (attempt=1)"
    assert fleet.updates() == {
        "update_requested": True,
        "update_attempts": 1,
        "update_last_request_utc": "2026-03-01T12:00:10Z",
        "update_next_retry_utc": "2026-03-01T12:00:45Z",
        "update_last_error": "no space",
        "update_last_error_utc": "2026-03-01T12:00:15Z",
    }


def test_a_failure_without_an_attempt_is_noted_only(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat()
    fleet.step(10)
    assert fleet.beat(failure="late news") == "2.0.0"
    assert fleet.lines()[1:] == [
        "agent reported update failure: late news",
        "server requested update to 2.0.0 (attempt=1)",
    ]
    assert fleet.updates()["update_last_error"] == "late news"


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (5000, 900)])
def test_pauses_double_up_to_a_quarter_of_an_hour(attempts: int, seconds: int) -> None:
    assert back_off(attempts) == timedelta(seconds=seconds)


def test_a_busy_agent_is_not_asked(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat()
    job_id = fleet.work()
    fleet.step(10)
    assert fleet.beat() == ""
    fleet.server.report(job_id, "succeeded")
    assert fleet.beat() == "2.0.0"


def test_an_attempt_that_ran_out_on_a_busy_agent_is_repeated_once_it_is_idle(fleet: Fleet) -> None:
    fleet.asked()
    job_id = fleet.work()
    fleet.step(40)
    assert fleet.beat() == ""
    assert "update_in_progress" not in fleet.updates()
    fleet.server.report(job_id, "succeeded")
    assert fleet.beat() == "2.0.0"
    assert fleet.updates()["update_attempts"] == 2


def test_a_failure_of_a_busy_agent_is_backed_off(fleet: Fleet) -> None:
    fleet.asked()
    job_id = fleet.work()
    fleet.beat(failure="x")
    fleet.server.report(job_id, "succeeded")
    fleet.step(29)
    assert fleet.beat() == ""
    fleet.step(1)
    assert fleet.beat() == "2.0.0"


def test_reaching_the_version_clears_everything(fleet: Fleet) -> None:
    fleet.asked()
    fleet.beat(failure="x")
    fleet.beat(version="2.0.0")
    assert fleet.updates() == {}


def test_an_order_replaces_an_automatic_schedule(fleet: Fleet) -> None:
    fleet.asked()
    fleet.beat(failure="x")
    fleet.server.act("update")
    assert fleet.updates() == {"update_requested": True}
    assert fleet.beat() == "2.0.0"
    assert fleet.updates()["update_attempts"] == 1


def test_an_order_that_is_repeated_begins_the_attempts_anew(fleet: Fleet) -> None:
    fleet.server.heartbeat(version="1.0.0")
    for _ in range(2):
        fleet.server.act("update")
        assert fleet.beat() == "1.2.3"
        assert fleet.updates()["update_attempts"] == 1
        assert fleet.beat(failure="x") == ""


def test_a_manual_target_wins_until_it_is_reached(fleet: Fleet) -> None:
    fleet.beat()
    fleet.server.act("update")
    fleet.aim("1.5.0")
    assert fleet.beat() == "1.2.3"
    assert fleet.beat(version="1.2.3") == ""
    fleet.beat(version="1.2.3")
    fleet.step(10)
    assert fleet.beat(version="1.2.3") == "1.5.0"


def test_the_target_survives_a_restart_of_the_server(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.server.restart()
    fleet.beat()
    fleet.step(10)
    assert fleet.beat() == "2.0.0"


@pytest.mark.parametrize(
    ("version", "needs"),
    [("1.0.0", True), ("1.2.3", False), ("v1.2.3", False), ("1.3.0", False), ("dev", True), ("", True)],
)
def test_need_of_an_update_is_about_the_servers_version(fleet: Fleet, version: str, needs: bool) -> None:
    fleet.beat(version=version)
    view = fleet.view()
    assert (view.get("needs_update", False), view["update_target"]) == (needs, "1.2.3")


def test_the_view_names_the_scheduled_target(fleet: Fleet) -> None:
    fleet.aim("2.0.0")
    fleet.beat()
    assert fleet.view()["update_target"] == "2.0.0"
    assert fleet.updates() == {"update_requested": True, "update_next_retry_utc": "2026-03-01T12:00:10Z"}
