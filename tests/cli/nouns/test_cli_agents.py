"""`cictl agents`."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.agents import AgentActionResponse, AgentList, AgentProcess, HeartbeatRequest
from cictl.wire.jobs import CANCELLED_BY_USER, Cause, JobStatus
from tests.cli.conftest import Run


def test_list_as_table(shown: Run) -> None:
    ran = shown("agents", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].split() == ["AGENT", "STATE", "BUSY", "SEEN", "PLATFORM", "VERSION"]
    assert ran.out.splitlines()[1].split() == [
        "build-1",
        "offline",
        "no",
        "1966-01-02T03:04:05Z",
        "linux/amd64",
        "1.2.3",
    ]


def test_list_as_json_is_the_api_shape(shown: Run) -> None:
    agents = shown("agents", "list", "-o", "json").json()["agents"]
    assert [agent["agent_id"] for agent in agents] == ["build-1", "build-2", "mac"]


def test_list_of_none_is_0_and_says_so(cli: Run, shop: Shop) -> None:
    shop.forget_agents()
    ran = cli("agents", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "no agents" in ran.err
    assert cli("agents", "list", "-o", "json").json() == {"agents": []}


def test_query_picks_from_the_json(shown: Run) -> None:
    assert shown("agents", "list", "--query", "agents[?deactivated].agent_id", "-o", "name").out == "mac\n"


@pytest.mark.parametrize("text", ["build-1", "m", "mac"])
def test_show_finds_by_id_or_its_beginning(shown: Run, text: str) -> None:
    ran = shown("agents", "show", text, "-o", "json")
    assert ran.json()["agent"]["agent_id"].startswith(text)


def test_show_lists_capabilities(shown: Run) -> None:
    assert "  executor=script\n" in shown("agents", "show", "build-1").out


def test_labels_are_shown_beside_the_facts(cli: Run, shop: Shop) -> None:
    shop.beat("build-1", capabilities={"executor": "script", "zone": "eu", "gpu": "a100"})
    wide = cli("agents", "list", "-o", "wide").out.splitlines()
    assert (wide[0].split()[-1], wide[1].split()[-1]) == ("LABELS", "gpu=a100,zone=eu")
    shown = cli("agents", "show", "build-1").out
    assert "gpu=a100\n  zone=eu\n" in shown
    assert (
        shown.index("Labels") < shown.index("gpu=a100") < shown.index("Capabilities") < shown.index("executor=script")
    )
    assert cli("agents", "show", "build-1", "--query", "agent.capabilities.gpu", "-o", "name").out == "a100\n"


def test_ambiguous_beginning_is_a_usage_error_with_the_candidates(shown: Run) -> None:
    ran = shown("agents", "show", "build")
    assert ran.code == ExitCode.USAGE
    assert "build-1, build-2" in ran.err


def test_unknown_agent_suggests_one(shown: Run) -> None:
    ran = shown("agents", "show", "biuld-1")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "did you mean build-1" in ran.err


def test_deactivate(cli: Run, shop: Shop) -> None:
    ran = cli("agents", "deactivate", "build-1")
    assert (ran.code, ran.out, ran.err) == (0, "", "build-1: agent deactivated\n")
    assert shop.agent("build-1").deactivated


def test_activate(cli: Run, shop: Shop) -> None:
    assert cli("agents", "activate", "mac", "-o", "json").json()["requested"] is True
    assert not shop.agent("mac").deactivated


@pytest.mark.parametrize(
    ("argv", "said"), [(("deactivate", "mac"), "already deactivated"), (("activate", "build-1"), "already active")]
)
def test_doing_it_twice_is_fine(shown: Run, showcase: Shop, argv: tuple[str, str], said: str) -> None:
    ran = shown("agents", *argv)
    assert ran.code == 0
    assert said in ran.err
    assert showcase.gate.posts() == []


def ordered(shop: Shop) -> list[tuple[str, str]]:
    return [(path.split("/")[-2], body["action"]) for path, body in shop.gate.sent]


@pytest.mark.parametrize(
    ("action", "said"), [("refresh-tools", "tools refresh requested"), ("restart", "agent restart requested")]
)
def test_orders_that_destroy_nothing(cli: Run, shop: Shop, action: str, said: str) -> None:
    ran = cli("agents", action, "build-1")
    assert (ran.code, ran.out, ran.err) == (0, "", f"build-1: {said}\n")
    assert ordered(shop) == [("build-1", action)]


def test_an_agent_that_was_started_by_hand_is_not_told_to_restart(cli: Run, shop: Shop) -> None:
    process = AgentProcess(pid=7, host="den", started_utc=datetime(2026, 3, 1, tzinfo=UTC))
    shop.beat("build-1", capabilities={"run_mode": "manual"}, hostname="den", process=process)
    ran = cli("agents", "restart", "build-1")
    assert (ran.code, ordered(shop)) == (ExitCode.CONFLICT, [])
    assert "build-1 was started by hand (pid 7 on den, started 2026-03-01T00:00:00Z): nothing would start it" in ran.err
    assert "CICTL_AGENT_RESTART=exit" in ran.err


def test_show_names_the_process_and_the_one_that_was_refused(cli: Run, shop: Shop) -> None:
    first, second = (
        AgentProcess(pid=pid, host="den", work_dir_id=str(pid), started_utc=datetime(2026, 3, 1, tzinfo=UTC))
        for pid in (7, 8)
    )
    shop.beat("build-1", process=first, slots=4)
    refused = HeartbeatRequest(agent_id="build-1", process=second)
    assert shop.server.post("/api/v1/heartbeat", refused).status_code == 409
    out = cli("agents", "show", "build-1").out
    assert "Process:    pid 7 on den, started 2026-03-01T00:00:00Z\n" in out
    assert "Refused:    pid 8 on den, started 2026-03-01T00:00:00Z; it has the same id\n" in out
    assert "Busy:       0/4 busy\n" in out
    assert "0/4 busy" in cli("agents", "list").out


@pytest.mark.parametrize(("command", "action"), [("wipe-cache", "wipe-cache"), ("flush-history", "flush-job-history")])
def test_orders_that_destroy_need_yes(cli: Run, shop: Shop, command: str, action: str) -> None:
    refused = cli("agents", command, "build-1")
    assert (refused.code, ordered(shop)) == (ExitCode.USAGE, [])
    assert "needs --yes" in refused.err
    done = cli("agents", command, "build-1", "--yes", "-o", "json")
    assert (done.code, done.json()["agent_id"], ordered(shop)) == (0, "build-1", [("build-1", action)])


def agent_ids(cli: Run) -> str:
    return cli("agents", "list", "-o", "name").out


def test_remove_needs_yes(cli: Run) -> None:
    refused = cli("agents", "remove", "build-1")
    assert (refused.code, agent_ids(cli)) == (ExitCode.USAGE, "build-1\nbuild-2\nmac\n")
    assert "remove build-1? needs --yes" in refused.err


def test_remove_several_that_are_gone(cli: Run, shop: Shop) -> None:
    shop.server.clock.step(21)
    done = cli("agents", "remove", "build-1", "build-2", "--yes", "-o", "json")
    assert (done.code, done.err) == (0, "build-1: removed\nbuild-2: removed\n")
    assert [agent["agent_id"] for agent in done.json()["agents"]] == ["build-1", "build-2"]
    assert agent_ids(cli) == "mac\n"


def test_remove_of_an_agent_that_is_online_needs_force(cli: Run, shop: Shop) -> None:
    shop.beat("build-1")
    refused = cli("agents", "remove", "build-1", "--yes")
    assert refused.code == ExitCode.CONFLICT
    assert "agent is online" in refused.err
    assert "--force" in refused.err
    assert cli("agents", "remove", "build-1", "--force", "--yes").code == 0
    assert agent_ids(cli) == "build-2\nmac\n"


def test_flush_history_says_what_dies(cli: Run, shop: Shop) -> None:
    shop.put(
        job("job-1", JobStatus.SUCCEEDED, leased_by_agent_id="build-1"),
        job("job-2", JobStatus.FAILED, leased_by_agent_id="build-2"),
        job("job-3", JobStatus.RUNNING, leased_by_agent_id="build-1"),
    )
    assert "this deletes 1 finished job of build-1, with logs" in cli("agents", "flush-history", "build-1").err


def test_update_of_an_agent_that_is_up_to_date(cli: Run, shop: Shop) -> None:
    ran = cli("agents", "update", "build-1")
    assert (ran.code, ran.err) == (0, "build-1: agent is already at target version\n")


def test_update(shown: Run, showcase: Shop) -> None:
    answer = AgentActionResponse(requested=True, agent_id="build-1", target="0.2.0")
    showcase.gate.answer("POST /api/v1/agents/build-1/actions", answer)
    ran = shown("agents", "update", "build-1")
    assert (ran.code, ran.err) == (0, "build-1: update to 0.2.0 requested\n")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"update_requested": True}, "to 0.2.0, next attempt once it is idle", id="asked for"),
        pytest.param(
            {"update_requested": True, "update_attempts": 2, "update_in_progress": True},
            "to 0.2.0, attempt 2, in progress",
            id="in progress",
        ),
        pytest.param(
            {"update_requested": True, "update_attempts": 2, "update_next_retry_utc": datetime(2026, 1, 2, tzinfo=UTC)},
            "to 0.2.0, attempt 2, next attempt at 2026-01-02T00:00:00Z",
            id="waiting",
        ),
    ],
)
def test_show_tells_how_an_update_stands(cli: Run, shop: Shop, fields: dict[str, object], shown: str) -> None:
    agent = msgspec.structs.replace(shop.agent("build-1"), update_target="0.2.0", **fields)
    shop.gate.answer("GET /api/v1/agents", AgentList(agents=[agent]))
    lines = [line for line in cli("agents", "show", "build-1").out.splitlines() if line.startswith("Update")]
    assert [line.partition(" ")[2].strip() for line in lines] == ([shown] if shown else [])


@pytest.mark.parametrize("words", [("df -h; uptime",), ("df", "-h;", "uptime")], ids=["one word", "several"])
def test_exec_queues_a_script(cli: Run, shop: Shop, words: tuple[str, ...]) -> None:
    ran = cli("agents", "exec", "build-1", "--time-limit", "9", "-o", "name", "--", *words)
    assert (ran.code, ran.out) == (0, "job-1\n")
    assert ran.err == "queued 1/script for build-1\n"
    asked = {"action": "run-script", "script": "df -h; uptime", "shell": "posix", "timeout_seconds": 9}
    assert shop.gate.sent == [("POST /api/v1/agents/build-1/actions", asked)]


def test_exec_as_json_is_the_api_shape_and_the_job(cli: Run, shop: Shop) -> None:
    shown = cli("agents", "exec", "build-1", "-o", "json", "--", "id").json()
    assert [found["id"] for found in shown.pop("job_executions")] == ["job-1"]
    assert shown == {
        "queued": True,
        "agent_id": "build-1",
        "job_execution_id": "job-1",
        "run_number": 1,
        "shell": "posix",
        "timeout_seconds": 600,
    }


def test_exec_reads_a_script_from_standard_input(cli: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("echo 1\necho 2\n"))
    assert cli("agents", "exec", "build-1", "--", "-").code == 0
    assert shop.gate.sent[0][1]["script"] == "echo 1\necho 2\n"


@pytest.mark.parametrize(
    ("shells", "option", "expected"),
    [
        pytest.param("cmd, powershell", (), "cmd", id="the first"),
        pytest.param("cmd,posix", (), "posix", id="posix where there is one"),
        pytest.param("", (), "posix", id="none named"),
        pytest.param("posix", ("--shell", "powershell"), "powershell", id="as asked"),
    ],
)
def test_exec_chooses_the_shell(cli: Run, shop: Shop, shells: str, option: tuple[str, ...], expected: str) -> None:
    shop.beat("build-1", capabilities={"executor": "script", "shells": shells})
    cli("agents", "exec", "build-1", *option, "--", "id")
    assert shop.gate.sent[0][1]["shell"] == expected


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param({"status": JobStatus.SUCCEEDED}, ExitCode.OK, id="succeeded"),
        pytest.param({"status": JobStatus.FAILED, "error": "exit status 3"}, ExitCode.FAILED, id="failed"),
        pytest.param(
            {"status": JobStatus.FAILED, "error": CANCELLED_BY_USER, "cause": Cause.CANCELLED},
            ExitCode.CANCELLED,
            id="cancelled",
        ),
    ],
)
def test_exec_that_is_followed_ends_as_the_script_did(
    cli: Run, shop: Shop, end: dict[str, Any], code: ExitCode
) -> None:
    shop.when_asked(lambda job_id: shop.finish(job_id, **end))
    shop.append("job-1", b"hello\n")
    ran = cli("agents", "exec", "build-1", "--follow", "--", "echo hello")
    assert (ran.code, ran.out) == (code, "hello\n")


def test_exec_stops_waiting_when_told(cli: Run, shop: Shop) -> None:
    ran = cli("agents", "exec", "build-1", "--wait", "--timeout", "0.1", "--", "id")
    assert ran.code == ExitCode.TIMED_OUT
    assert "cictl jobs watch 1/script" in ran.err


def test_exec_on_a_deactivated_agent_says_so(cli: Run, shop: Shop) -> None:
    ran = cli("agents", "exec", "mac", "--", "id")
    assert (ran.code, "`cictl agents activate mac` lets it begin" in ran.err) == (0, True)


def test_exec_of_nothing_is_a_usage_error(shown: Run, showcase: Shop) -> None:
    assert shown("agents", "exec", "build-1", "--", " ").code == ExitCode.USAGE
    assert showcase.gate.requests == []


def test_drain(cli: Run, shop: Shop) -> None:
    ran = cli("agents", "drain", "build-1", "--reason", "new kernel")
    assert (ran.code, ran.out, ran.err) == (0, "", "build-1: agent drains; active jobs=0\n")
    assert (shop.agent("build-1").draining, shop.agent("build-1").drain_reason) == (True, "new kernel")
    listed = cli("agents", "list", "-o", "wide").out.splitlines()[1]
    assert "draining" in listed
    assert "new kernel" in listed
    assert cli("agents", "activate", "build-1").err == "build-1: agent activated\n"
    assert not shop.agent("build-1").draining


def test_drain_waits_until_its_job_is_over(cli: Run, shop: Shop) -> None:
    cli("agents", "drain", "build-1", "--reason", "x")
    assert cli("agents", "drain", "build-1", "--reason", "x", "--wait").code == 0


def test_a_wait_for_an_agent_that_works_on_ends_with_8(cli: Run, shop: Shop) -> None:
    shop.put(job("job-9", status=JobStatus.RUNNING, leased_by_agent_id="build-1"))
    ran = cli("agents", "drain", "build-1", "--reason", "x", "--wait", "--timeout", "0")
    assert ran.code == ExitCode.TIMED_OUT
    assert "build-1 still has a job after 0 s; it drains on" in ran.err
