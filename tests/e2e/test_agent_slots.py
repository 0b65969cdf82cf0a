"""One agent that runs three jobs at once, killed and started again, beside another process with its id."""

from __future__ import annotations

import json
from pathlib import Path

from cictl_testing.agents.thread import gone, is_alive
from cictl_testing.processes import Process, Workplace, eventually


def start(workplace: Workplace, work: str, *options: str) -> Process:
    place = str(workplace.directory / work)
    return workplace.background("run-agent", "--server", workplace.url, "--id", "a", "--work-dir", place, *options)


def running(workplace: Workplace) -> list[Path]:
    """Let the agent run three scripts; return the files with the process ids of what they left behind."""
    files = [workplace.directory / name for name in ("one", "two", "three")]
    for file in files:
        script = f"setsid sh -c 'echo $$ > {file}; exec sleep 1000' & sleep 1000"
        workplace.ok("agents", "exec", "a", "--", script)
    eventually(lambda: all(file.exists() and file.read_text() for file in files), what="three jobs at once")
    return files


def losses(workplace: Workplace) -> list[str] | None:
    """Return the errors of all jobs, once each has one."""
    jobs = json.loads(workplace.ok("jobs", "list", "-o", "json"))["job_executions"]
    errors = [str(job.get("error", "")) for job in jobs]
    return errors if all(errors) else None


def test_all_jobs_of_a_killed_agent_end_and_are_lost_and_a_rival_gets_none(workplace: Workplace) -> None:
    first = start(workplace, "work", "--slots", "3")
    eventually(lambda: "0/3 busy" in workplace.cictl("agents", "list").stdout, what="the agent")
    pids = [int(file.read_text()) for file in running(workplace)]
    assert "3/3 busy" in workplace.ok("agents", "list")
    rival = start(workplace, "elsewhere")
    rival.wait_for_line("with --id NAME or CICTL_AGENT_ID")
    first.kill()
    assert all(is_alive(pid) for pid in pids)
    again = start(workplace, "work", "--slots", "3")
    assert all(gone(pid) for pid in pids)
    lost = eventually(lambda: losses(workplace), what="the loss of all")
    assert len(lost) == 3
    for error in lost:
        assert f"(pid {again.process.pid} on " in error
        assert f"after pid {first.process.pid} on " in error
    workplace.ok("agents", "exec", "a", "--wait", "--", "true")
    assert "job begins" not in rival.output
    assert workplace.cictl("agents", "restart", "a").returncode == 7
