"""Agents: heartbeats, views, activation."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.server import RunningServer


def agent(server: RunningServer, agent_id: str = "a") -> Any:
    answer = server.get(f"/api/v1/agents/{agent_id}")
    assert answer.status_code == 200, answer.text
    return answer.json["agent"]


def test_a_heartbeat_registers_the_agent(server: RunningServer) -> None:
    assert server.heartbeat(version="v1", hostname="h").accepted
    seen = agent(server)
    assert (seen["hostname"], seen["os"], seen["arch"], seen["version"]) == ("h", "linux", "amd64", "v1")
    assert seen["capabilities"] is None
    assert seen["last_seen_utc"] == "2026-03-01T12:00:00Z"
    assert "job_in_progress" not in seen


def test_a_heartbeat_replaces_the_capabilities(server: RunningServer) -> None:
    server.heartbeat(capabilities={"a": "1", "b": "2"})
    server.heartbeat(capabilities={"b": "3"})
    assert agent(server)["capabilities"] == {"b": "3"}


def test_a_heartbeat_without_id_is_refused(server: RunningServer) -> None:
    answer = server.post("/api/v1/heartbeat", {})
    assert (answer.status_code, answer.text) == (400, "agent_id is required\n")


def test_agents_are_listed_by_id_and_survive_a_restart(server: RunningServer) -> None:
    for agent_id in ("b", "a", "c"):
        server.heartbeat(agent_id)
    server.restart()
    assert [a["agent_id"] for a in server.get("/api/v1/agents").json["agents"]] == ["a", "b", "c"]


def test_a_busy_agent_says_so(server: RunningServer) -> None:
    server.heartbeat()
    server.enqueue()
    server.leased()
    assert agent(server)["job_in_progress"] is True


@pytest.mark.weakness("A3.6")
def test_lines_about_an_agent(server: RunningServer) -> None:
    server.heartbeat(version="v1", restart_status="  it\n restarted ")
    for _ in range(40):
        server.heartbeat(version="v1")
    server.act("deactivate")
    lines = agent(server)["recent_log"]
    assert [line.split(" ", 4)[4] for line in lines] == [
        "heartbeat version=v1 platform=linux/amd64",
        "agent restart status: it restarted",
        "heartbeat version=v1 platform=linux/amd64",
        "manual deactivation requested",
    ]


@pytest.mark.weakness("A3.5")
def test_a_long_status_is_cut_between_characters(server: RunningServer) -> None:
    server.heartbeat(restart_status="ä" * 300)
    text = agent(server)["recent_log"][-1].partition("status: ")[2]
    assert text == "ä" * 118 + "..."


def test_reports_count_as_signs_of_life_of_known_agents(server: RunningServer) -> None:
    server.heartbeat()
    server.enqueue()
    job = server.running()
    server.clock.step(15)
    server.report(job.id, "running")
    assert agent(server)["last_seen_utc"] == "2026-03-01T12:00:15.001000Z"


@pytest.mark.parametrize("action", ["activate", "deactivate", " Deactivate "])
def test_actions_may_be_repeated(server: RunningServer, action: str) -> None:
    server.heartbeat()
    for _ in range(2):
        answer = server.act(action)
        assert (answer.status_code, answer.json["requested"], answer.json["agent_id"]) == (200, True, "a")
    assert agent(server).get("deactivated", False) is (action != "activate")


@pytest.mark.weakness("A5b")
def test_an_agent_can_be_deactivated_before_its_first_heartbeat_after_a_restart(server: RunningServer) -> None:
    server.heartbeat()
    server.restart()
    assert server.act("deactivate").status_code == 200
    assert agent(server)["deactivated"] is True


@pytest.mark.parametrize(
    ("agent_id", "action", "code", "text"),
    [
        ("a", "", 400, "action is required"),
        ("a", "dance", 400, "unsupported action"),
        ("z", "dance", 400, "unsupported action"),
        ("z", "activate", 404, "agent not found"),
        ("%20", "activate", 400, "agent id is required"),
    ],
)
def test_refused_actions(server: RunningServer, agent_id: str, action: str, code: int, text: str) -> None:
    server.heartbeat()
    answer = server.act(action, agent_id)
    assert (answer.status_code, answer.text) == (code, text + "\n")


def test_an_unknown_agent(server: RunningServer) -> None:
    answer = server.get("/api/v1/agents/z")
    assert (answer.status_code, answer.text) == (404, "agent not found\n")


def test_an_agent_is_told_to_stop_what_another_one_holds_by_now(server: RunningServer) -> None:
    job_id = server.enqueue()
    server.leased("a")
    server.clock.step(45)
    server.services.jobs.expiry.run_once()
    assert server.heartbeat("a", running_job_ids=[job_id]).cancel_job_ids == []
    server.leased("b")
    assert server.heartbeat("a", running_job_ids=[job_id]).cancel_job_ids == [job_id]
    assert server.heartbeat("b", running_job_ids=[job_id]).cancel_job_ids == []
