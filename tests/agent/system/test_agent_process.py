"""`cictl run-agent` as a process of its own: signals, exit codes, what it prints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import gone, is_alive
from cictl_testing.processes import Process, eventually
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer

from cictl.wire.agents import HeartbeatResponse

UNTIL_KILLED = "sleep 1000 & while :; do wait; done"
HOLD = "setsid sh -c 'echo $$ > ../../stray; exec sleep 1000' & while [ ! -s ../../stray ]; do sleep 0.02; done"


@pytest.fixture
def process(server: ScriptedServer, tmp_path: Path) -> Iterator[Process]:
    """An agent that has said where it works, and asks for work."""
    clean = {key: "" for key in os.environ if key.startswith(("CICTL_", "CIWI_"))}
    work = str(tmp_path / "work")
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", work)
    running = Process(*arguments, environment=clean, directory=tmp_path)
    running.wait_for_line(f"agent a polling {server.url}, work in {work}")
    eventually(lambda: server.leases, what="a lease")
    yield running
    running.stop()


def test_idle_agent_stops_on_a_signal(process: Process) -> None:
    process.process.terminate()
    assert process.wait() == 0
    assert process.output.endswith("stopped\n")


@pytest.mark.weakness("A12.5d")
def test_interrupted_agent_stops_its_job_with_all_its_processes_and_reports_it(
    server: ScriptedServer, process: Process, tmp_path: Path
) -> None:
    job_id = server.enqueue(script=f"{HOLD}; echo ready; sleep 1000")
    server.begun(job_id, "ready")
    process.interrupt()
    assert process.wait() == 0
    job = server.finished(job_id)
    assert (job.last.status, job.last.error) == ("failed", "agent stopped")
    assert gone(int((tmp_path / "work" / "stray").read_text()))


def interrupt_twice(agent: Process, server: ScriptedServer, work: Path) -> None:
    """Give the second signal when the first was passed on; the agent can't report any end, else a slow one would be gone by then."""
    server.fail_next("/status", status=503, times=1000)
    agent.interrupt()
    eventually((work / "told").exists, what="the first signal")
    agent.interrupt()


def test_second_signal_ends_everything_at_once(server: ScriptedServer, process: Process, tmp_path: Path) -> None:
    job_id = server.enqueue(script=f"trap ': > ../../told' INT; {HOLD}; echo ready; {UNTIL_KILLED}")
    server.begun(job_id, "ready")
    interrupt_twice(process, server, tmp_path / "work")
    assert process.wait() == 1
    assert gone(int((tmp_path / "work" / "stray").read_text()))


def test_second_signal_ends_the_jobs_of_all_slots(tmp_path: Path) -> None:
    server = ScriptedServer(features=(*FEATURES, "slots"))
    work = tmp_path / "work"
    arguments = ("run-agent", "--server", server.url, "--work-dir", str(work), "--slots", "2")
    agent = Process(*arguments, environment={}, directory=tmp_path)
    script = f"trap ': > ../../told' INT; {HOLD.replace('stray', 'stray-$CICTL_JOB_EXECUTION_ID')}"
    jobs = [server.enqueue(script=f"{script}; echo ready; {UNTIL_KILLED}") for _ in range(2)]
    for job_id in jobs:
        server.begun(job_id, "ready")
    interrupt_twice(agent, server, work)
    assert agent.wait() == 1
    agent.stop()
    assert all(gone(int((work / f"stray-{job_id}").read_text())) for job_id in jobs)
    server.close()


def test_second_agent_in_the_same_directory_is_refused(
    server: ScriptedServer, process: Process, tmp_path: Path
) -> None:
    arguments = ("run-agent", "--server", server.url, "--work-dir", str(tmp_path / "work"))
    other = Process(*arguments, environment={}, directory=tmp_path)
    assert other.wait() == 1
    other.stop()
    assert "error: another agent works in" in other.output
    assert "give this one a --work-dir and an --id of its own" in other.output


def test_unusable_server_is_refused(tmp_path: Path) -> None:
    other = Process("run-agent", "--server", "nonsense", environment={}, directory=tmp_path)
    assert other.wait() == 1
    other.stop()
    assert "error: not an http or https URL: 'nonsense'" in other.output


@pytest.mark.parametrize(
    ("options", "environment", "error"),
    [
        pytest.param(
            ("--label", "gpu=a100", "--label", "os=plan9"),
            {},
            "error: --label: os is a fact that the agent finds out itself; choose another key",
            id="flag",
        ),
        pytest.param(
            (), {"CICTL_AGENT_LABELS": "gpu="}, "error: CICTL_AGENT_LABELS: label gpu has no value", id="setting"
        ),
    ],
)
def test_unusable_label_is_refused(
    options: tuple[str, ...], environment: dict[str, str], error: str, tmp_path: Path
) -> None:
    other = Process("run-agent", *options, environment=environment, directory=tmp_path)
    assert other.wait() == 1
    other.stop()
    assert error in other.output


def test_what_a_killed_agent_left_running_ends_when_the_next_one_starts(
    server: ScriptedServer, process: Process, tmp_path: Path
) -> None:
    server.begun(server.enqueue(script=f"{HOLD}; echo ready; sleep 1000"), "ready")
    process.kill()
    stray = int((tmp_path / "work" / "stray").read_text())
    assert is_alive(stray)
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", str(tmp_path / "work"))
    again = Process(*arguments, environment={}, directory=tmp_path)
    assert gone(stray)
    again.stop()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param(
            {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "", "CICTL_AGENT_SYSTEMD_SERVICE_NAME": "x.service"},
            "restart via systemd self-exit requested (x.service)",
            id="systemd",
        ),
        pytest.param(
            {"CICTL_AGENT_RESTART": "exit"}, "restart via exit requested (CICTL_AGENT_RESTART=exit)", id="supervisor"
        ),
    ],
)
def test_service_that_is_to_restart_ends(
    server: ScriptedServer, tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    server.orders.append(HeartbeatResponse(accepted=True, restart_requested=True))
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", str(tmp_path / "work"))
    agent = Process(*arguments, environment=environment, directory=tmp_path)
    assert agent.wait() == 0
    agent.stop()
    said = [heartbeat.restart_status for heartbeat in server.heartbeats]
    assert told in said
    assert server.heartbeats[0].capabilities["run_mode"] == "service"


def test_agent_that_was_killed_greets_anew_and_clears_its_spool(
    server: ScriptedServer, process: Process, tmp_path: Path
) -> None:
    server.begun(server.enqueue(script="echo ready; while kill -0 $PPID; do sleep 0.05; done"), "ready")
    process.kill()
    spool = tmp_path / "work" / "spool"
    assert list(spool.iterdir())
    arguments = ("run-agent", "--server", server.url, "--id", "a", "--work-dir", str(tmp_path / "work"))
    again = Process(*arguments, environment={}, directory=tmp_path)
    greeting = f"(pid={again.process.pid})"
    eventually(lambda: any(beat.restart_status.endswith(greeting) for beat in server.heartbeats), what="the greeting")
    server.finished(server.enqueue())
    again.stop()
    assert not list(spool.iterdir())
