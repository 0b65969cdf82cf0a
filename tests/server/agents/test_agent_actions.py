"""What admins order of agents: answers, refusals, lines in the agent's log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.agents import Action
from cictl_server.store.records.settings import SettingRecord

ABLE = {"executor": "script", "shells": "posix, PowerShell"}


def act(server: RunningServer, action: str, to: str = "a", **fields: Any) -> falcon.testing.Result:
    return server.post(f"/api/v1/agents/{to}/actions", {"action": action, **fields})


def lines(server: RunningServer) -> list[str]:
    """Return the lines about agent a that are not heartbeats, without their times."""
    log = server.get("/api/v1/agents/a").json["agent"]["recent_log"]
    return [line.split(" ", 4)[4] for line in log if " heartbeat version=" not in line]


def answered(answer: falcon.testing.Result) -> tuple[int, Any]:
    return answer.status_code, answer.json


def refused(answer: falcon.testing.Result) -> tuple[int, str]:
    return answer.status_code, answer.text.removesuffix("\n")


@pytest.mark.parametrize("action", Action)
def test_every_action_is_carried_out_or_refused(server: RunningServer, action: Action) -> None:
    server.heartbeat(capabilities=ABLE)
    assert act(server, action).status_code in (200, 400)


@pytest.fixture
def dev_server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "dev", version="dev")
    yield running
    running.close()


@pytest.mark.parametrize(
    ("action", "message", "ordered", "handed_out"),
    [
        (
            "refresh-tools",
            "tools refresh requested",
            "manual tools refresh requested",
            "server requested tools refresh",
        ),
        ("restart", "agent restart requested", "manual restart requested", "server requested restart"),
        ("wipe-cache", "agent cache wipe requested", "manual cache wipe requested", "server requested cache wipe"),
        (
            "flush-job-history",
            "agent job history flushed: sqlite=0, disk=0, local=queued",
            "manual agent job history flush requested",
            "server requested local job history wipe",
        ),
    ],
)
def test_orders(server: RunningServer, action: str, message: str, ordered: str, handed_out: str) -> None:
    server.heartbeat()
    answer = act(server, f" {action.title()} ")
    assert answered(answer) == (200, {"requested": True, "agent_id": "a", "message": message})
    server.heartbeat()
    assert lines(server) == [ordered, handed_out]


@pytest.mark.parametrize("action", ["refresh-tools", "restart", "wipe-cache", "flush-job-history", "update"])
def test_agents_must_be_known(server: RunningServer, action: str) -> None:
    assert refused(act(server, action)) == (404, "agent not found")


def finished(server: RunningServer, agent_id: str) -> str:
    server.enqueue()
    return server.finish("failed", agent_id).id


def test_flushing_the_history_of_an_agent_leaves_others_and_what_is_not_over(server: RunningServer) -> None:
    for agent_id in ("a", "b"):
        server.heartbeat(agent_id, capabilities=ABLE)
    gone = [finished(server, "a"), finished(server, "a")]
    kept = [finished(server, "b"), server.enqueue()]
    server.running()
    server.clock.step(1)
    never_leased = act(server, "run-script", script="id", shell="posix").json["job_execution_id"]
    server.cancel(never_leased)
    answer = act(server, "flush-job-history")
    assert answer.json["message"] == "agent job history flushed: sqlite=3, disk=3, local=queued"
    statuses = {job_id: server.get(f"/api/v1/jobs/{job_id}").status_code for job_id in [*gone, never_leased, *kept]}
    assert statuses == {**dict.fromkeys([*gone, never_leased], 404), **dict.fromkeys(kept, 200)}


def test_a_script_is_queued_for_its_agent(server: RunningServer) -> None:
    server.heartbeat(capabilities=ABLE)
    answer = act(server, "run-script", script="  echo hi\n", shell=" POSIX ", timeout_seconds=9)
    job_id = answer.json["job_execution_id"]
    assert answered(answer) == (
        201,
        {
            "queued": True,
            "agent_id": "a",
            "job_execution_id": job_id,
            "shell": "posix",
            "timeout_seconds": 9,
            "run_number": 1,
        },
    )
    job = server.job(job_id)
    assert (job.script, job.timeout_seconds, job.step_plan) == ("echo hi", 9, [])
    assert job.required_capabilities == {"agent_id": "a", "executor": "script", "shell": "posix"}
    assert job.metadata.items() >= {"adhoc": "1", "adhoc_agent_id": "a", "adhoc_shell": "posix"}.items()
    assert lines(server) == [f"ad-hoc script queued (posix) job={job_id}"]


def test_only_its_agent_gets_a_script(server: RunningServer) -> None:
    for agent_id in ("a", "b"):
        server.heartbeat(agent_id, capabilities=ABLE)
    job_id = act(server, "run-script", script="id", shell="powershell").json["job_execution_id"]
    assert not server.lease("b").assigned
    assert server.leased("a").id == job_id


@pytest.mark.parametrize("timeout", [0, -5])
def test_a_script_without_a_limit_gets_ten_minutes(server: RunningServer, timeout: int) -> None:
    server.heartbeat(capabilities=ABLE)
    assert act(server, "run-script", script="id", shell="posix", timeout_seconds=timeout).json["timeout_seconds"] == 600


def test_a_script_for_a_deactivated_agent_waits(server: RunningServer) -> None:
    server.heartbeat(capabilities=ABLE)
    act(server, "deactivate")
    assert act(server, "run-script", script="id", shell="posix").status_code == 201
    assert not server.lease().assigned
    act(server, "activate")
    assert server.lease().assigned


@pytest.mark.parametrize(
    ("fields", "capabilities", "expected"),
    [
        pytest.param({"script": " ", "to": "z"}, {}, (400, "script is required"), id="script first"),
        pytest.param({"script": "id", "to": "z"}, {}, (400, "shell is required"), id="then shell"),
        pytest.param({"script": "id", "shell": "posix", "to": "z"}, {}, (404, "agent not found"), id="then agent"),
        pytest.param(
            {"script": "id", "shell": "posix"},
            {"executor": "docker", "shells": "posix"},
            (400, "agent does not advertise script executor support"),
            id="executor",
        ),
        pytest.param(
            {"script": "id", "shell": "cmd"}, ABLE, (400, "agent does not support requested shell"), id="shell"
        ),
        pytest.param(
            {"script": "id", "shell": "posix"},
            {"executor": "script"},
            (400, "agent does not support requested shell"),
            id="no shells",
        ),
    ],
)
def test_refused_scripts(
    server: RunningServer, fields: dict[str, str], capabilities: dict[str, str], expected: tuple[int, str]
) -> None:
    server.heartbeat(capabilities=capabilities)
    assert refused(act(server, "run-script", **fields)) == expected
    assert server.get("/api/v1/jobs").json["job_executions"] == []


@pytest.mark.parametrize(
    ("setting", "target"), [("", "1.2.3"), ("1.0.0", "1.2.3"), ("v2.0.0", "v2.0.0")], ids=["none", "older", "newer"]
)
def test_a_manual_update_is_asked_for_without_delay(server: RunningServer, setting: str, target: str) -> None:
    server.find_releases(CICTL_UPDATE_REPO="shop/cictl")
    server.store.write(lambda tx: tx.settings.put(SettingRecord(key="agent_update_target", value=setting)))
    server.heartbeat(version=target)
    server.heartbeat(version="0.9.0", capabilities={"updater": "cictl-wheel"})
    assert answered(act(server, "update")) == (200, {"requested": True, "agent_id": "a", "target": target})
    asked = server.heartbeat(version="0.9.0", capabilities={"updater": "cictl-wheel"})
    assert (asked.update_requested, asked.update_target) == (True, target)
    assert lines(server)[-2:] == [
        f"manual update requested to {target}",
        f"server requested update to {target} (attempt=1)",
    ]


def test_no_update_is_asked_for_where_nobody_knows_the_releases(server: RunningServer) -> None:
    able = {"updater": "cictl-wheel"}
    server.heartbeat(version="0.9.0", capabilities=able)
    status, text = refused(act(server, "update"))
    assert status == 400
    assert "set CICTL_UPDATE_REPO" in text
    server.store.write(lambda tx: tx.settings.put(SettingRecord(key="agent_update_target", value="2.0.0")))
    server.clock.step(60)
    assert not server.heartbeat(version="0.9.0", capabilities=able).update_requested


def test_an_agent_at_its_target_is_left_alone(server: RunningServer) -> None:
    server.heartbeat(version="v1.2.3")
    assert answered(act(server, "update")) == (
        200,
        {"requested": False, "message": "agent is already at target version"},
    )
    assert not server.heartbeat(version="v1.2.3").update_requested
    assert lines(server) == ["manual update requested but agent is already at target version"]


@pytest.mark.parametrize("agent_id", ["a", "z"])
def test_a_server_without_a_release_updates_nobody(dev_server: RunningServer, agent_id: str) -> None:
    dev_server.heartbeat()
    assert refused(act(dev_server, "update", agent_id)) == (400, "server version is not a release version")
