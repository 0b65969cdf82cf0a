"""Which ids agents can have, and how much of what they say about themselves is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.wire import words
from cictl.wire.agents import Agent, AgentProcess, AgentResponse, HeartbeatRequest, LeaseRequest, StatusRequest
from cictl_agent.config import ConfigError, load_config

RULE = "must have 1 to 128 printable ASCII characters, with no blank at either end"
BAD = [
    pytest.param("x" * 200_000, id="200 KB"),
    pytest.param("x" * 129, id="129 characters"),
    pytest.param(" build", id="blank at an end"),
    pytest.param("a\nb", id="line end"),
    pytest.param("a\x1b[31m", id="control"),
    pytest.param("a\u202eb", id="bidi"),
    pytest.param("bücher", id="no ASCII"),
]


def shown(server: RunningServer) -> Agent:
    return server.read(AgentResponse, "/api/v1/agents/a").agent


def post(server: RunningServer, route: str, agent_id: str) -> falcon.testing.Result:
    """Send the smallest request of an agent to a route of the job that it holds, or of agents."""
    job_id = server.get("/api/v1/jobs").json["job_executions"][0]["id"]
    match route:
        case "heartbeat":
            return server.post("/api/v1/heartbeat", HeartbeatRequest(agent_id=agent_id))
        case "lease":
            return server.post("/api/v1/agent/lease", LeaseRequest(agent_id=agent_id))
        case "status":
            return server.post(f"/api/v1/jobs/{job_id}/status", StatusRequest(agent_id=agent_id, status="running"))
        case _:
            return server.post(f"/api/v1/jobs/{job_id}/{route}", {"agent_id": agent_id})


@pytest.mark.parametrize("route", ["heartbeat", "lease", "status", "artifacts", "tests"])
@pytest.mark.parametrize("agent_id", BAD)
def test_a_bad_id_is_refused_with_the_rule(server: RunningServer, route: str, agent_id: str) -> None:
    server.enqueue()
    server.running()
    answer = post(server, route, agent_id)
    assert (answer.status_code, answer.text) == (400, f"agent_id {RULE}\n")
    assert server.get("/api/v1/agents").json == {"agents": []}


@pytest.mark.parametrize("agent_id", ["x" * 129, "a\u202eb", "a\x1b[31m"])
def test_a_bad_id_in_a_path_is_refused_with_the_rule(server: RunningServer, agent_id: str) -> None:
    path = f"/api/v1/agents/{quote(agent_id)}"
    answers = [
        server.get(path),
        server.http.simulate_delete(path),
        server.post(f"{path}/actions", {"action": "activate"}),
    ]
    assert [(answer.status_code, answer.text) for answer in answers] == [(400, f"agent id {RULE}\n")] * 3


@pytest.mark.parametrize("agent_id", ["x" * 128, "agent-build7.local", "a:b_c-1", "Build Mac #2 (x86)"])
def test_ids_of_our_agents_and_of_reference_agents_are_taken(server: RunningServer, agent_id: str) -> None:
    server.heartbeat(agent_id)
    job_id = server.enqueue()
    assert server.running(agent_id).id == job_id
    upload = server.post(f"/api/v1/jobs/{job_id}/artifacts/upload-zip", headers={words.AGENT_ID: agent_id})
    assert upload.status_code == 200
    assert server.get(f"/api/v1/agents/{quote(agent_id)}").status_code == 200


def test_a_run_is_pinned_to_no_agent_that_can_not_exist(server: RunningServer) -> None:
    pipeline = server.define('[{id: j, steps: [{run: "true"}]}]')
    answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {"agent_id": "x" * 200_000})
    assert (answer.status_code, answer.text) == (400, f"agent_id {RULE}\n")


def test_our_agent_does_not_start_with_a_bad_id() -> None:
    with pytest.raises(ConfigError, match=r"the agent's id .* must have 1 to 128 printable ASCII characters"):
        load_config({"CICTL_AGENT_ID": "a\tb"})


@pytest.mark.parametrize("field", ["hostname", "version", "arch"])
def test_names_are_cut_and_steer_no_terminal(server: RunningServer, field: str) -> None:
    fields = {"agent_id": "a", field: "mac\x1b[2J\u202e" + "x" * 5000}
    server.post("/api/v1/heartbeat", fields)
    kept = getattr(shown(server), field)
    assert len(kept.encode()) <= 255
    assert kept.startswith("mac?[2J?xx")
    assert kept.endswith(" … [cut]")


def test_capabilities_are_bounded_in_number_and_length(server: RunningServer) -> None:
    many = {f"tool.t{number}": "1" for number in range(4000)}
    server.heartbeat(capabilities={"os": "x" * 9999, "k" * 513: "1", "a\nb": "1", "z": "a\x1bb"} | many)
    kept = shown(server).capabilities or {}
    assert len(kept) <= 400
    assert len(kept["os"].encode()) == 512
    assert kept["z"] == "a?b"
    assert not {"k" * 513, "a\nb"} & kept.keys()


def test_capabilities_are_bounded_together(server: RunningServer) -> None:
    server.heartbeat(capabilities={f"k{number:03}": "v" * 500 for number in range(300)})
    kept = shown(server).capabilities or {}
    assert list(kept) == [f"k{number:03}" for number in range((32 << 10) // 504)]


def test_a_process_stays_the_same_however_much_of_it_is_kept(server: RunningServer) -> None:
    long: dict[str, Any] = {"pid": 1, "host": "h" * 999, "work_dir_id": "w" * 999}
    process = AgentProcess(started_utc=datetime(2026, 3, 1, 11, tzinfo=UTC), **long)
    for _ in range(2):
        server.heartbeat(process=process)
    job_id = server.enqueue()
    leased = server.lease(process=process).job_execution
    assert leased is not None
    assert leased.id == job_id


def test_an_agent_has_a_hundred_slots_at_most(server: RunningServer) -> None:
    server.heartbeat(slots=10**9)
    assert shown(server).slots == 100
