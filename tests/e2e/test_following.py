"""Watching real jobs: through restarts of the server, across an interruption, and by their parts."""

from __future__ import annotations

import re
import shlex

import pytest
from cictl_testing.processes import Process, Workplace, eventually

from tests.e2e.test_pipeline import define, job_ids

NUMBERED = re.compile(r"line \d+")


def numbered(text: str) -> list[int]:
    """Return the numbers of the lines that the job counts."""
    return [int(line.removeprefix("line ")) for line in text.splitlines() if NUMBERED.fullmatch(line)]


def counting(workplace: Workplace) -> None:
    """Define a job that counts at its first step, again behind each of two gates, and once more at its second step."""
    gates = [workplace.directory / name for name in ("gate-1", "gate-2")]
    waits = [f"echo at {gate.name}; while [ ! -e {gate} ]; do sleep 0.05; done" for gate in gates]
    count = "for n in $(seq {} {}); do echo line $n; done"
    first = "; ".join([count.format(1, 300), waits[0], count.format(301, 600), waits[1], count.format(601, 900)])
    second = count.format(901, 1000)
    define(workplace, f"      - id: work\n        steps: [{{run: '{first}'}}, {{run: '{second}'}}]\n")


def pass_gate(workplace: Workplace, name: str) -> None:
    (workplace.directory / name).touch()


def attach_command(process: Process) -> list[str]:
    """Return the words behind `cictl` of the command that an interrupted follower prints."""
    return shlex.split(process.output.partition("Attach again with: cictl ")[2].splitlines()[0])


def test_a_run_is_followed_through_two_restarts_of_the_server(workplace: Workplace) -> None:
    workplace.start_agent()
    counting(workplace)
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("at gate-1", is_whole=True)
    workplace.server.kill()
    pass_gate(workplace, "gate-1")
    workplace.start_server()
    run.wait_for_line("at gate-2", is_whole=True)
    workplace.server.stop()
    pass_gate(workplace, "gate-2")
    workplace.start_server()
    assert run.wait() == 0, run.output
    assert numbered(run.output) == list(range(1, 1001))
    [job_id] = job_ids(workplace)
    assert numbered(workplace.ok("jobs", "logs", job_id)) == list(range(1, 1001))
    assert numbered(workplace.ok("jobs", "logs", job_id, "--step", "2")) == list(range(901, 1001))


def test_a_table_of_jobs_is_watched_through_a_restart(workplace: Workplace) -> None:
    workplace.start_agent()
    counting(workplace)
    workplace.ok("run", "shop/build")
    [job_id] = job_ids(workplace)
    watch = workplace.background("jobs", "watch", job_id)
    watch.wait_for_line("running")
    workplace.server.kill()
    for gate in ("gate-1", "gate-2"):
        pass_gate(workplace, gate)
    watch.wait_for_line("connection lost")
    workplace.start_server()
    assert watch.wait() == 0, watch.output


def test_the_command_that_an_interrupted_run_prints_attaches_again(workplace: Workplace) -> None:
    workplace.start_agent()
    counting(workplace)
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("at gate-1", is_whole=True)
    run.interrupt()
    assert run.wait() == 130
    again = workplace.background(*attach_command(run))
    again.wait_for_line("at gate-1", is_whole=True)
    for gate in ("gate-1", "gate-2"):
        pass_gate(workplace, gate)
    assert again.wait() == 0, again.output
    assert numbered(again.output) == list(range(1, 1001))


def test_an_interrupted_log_goes_on_at_the_byte_where_it_was_left(workplace: Workplace) -> None:
    workplace.start_agent()
    counting(workplace)
    workplace.ok("run", "shop/build")
    [job_id] = job_ids(workplace)
    logs = workplace.background("jobs", "logs", "-f", job_id)
    logs.wait_for_line("at gate-1", is_whole=True)
    logs.interrupt()
    assert logs.wait() == 130
    again = workplace.background(*attach_command(logs))
    for gate in ("gate-1", "gate-2"):
        pass_gate(workplace, gate)
    assert again.wait() == 0, again.output
    seen = logs.output.partition("interrupted; ")[0] + again.output
    assert numbered(seen) == list(range(1, 1001))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(("--step", "1"), ["first"], id="first step"),
        pytest.param(("--step", "sleep"), ["second", "last words"], id="by the beginning of its command"),
        pytest.param(("--failed",), ["second", "last words"], id="failed step"),
        pytest.param(("--since", "1h", "--grep", "^(first|second)$"), ["first", "second"], id="since"),
    ],
)
def test_parts_of_a_real_log(workplace: Workplace, options: tuple[str, ...], shown: list[str]) -> None:
    workplace.start_agent()
    define(
        workplace,
        "      - id: work\n        steps: [{run: 'echo first'}, {run: 'sleep 0; echo second; echo last words; exit 1'}, {run: 'echo third'}]\n",
    )
    assert workplace.cictl("run", "shop/build", "--wait").returncode == 3
    [job_id] = job_ids(workplace)
    lines = workplace.ok("jobs", "logs", job_id, *options).splitlines()
    assert [line for line in lines if line in ("first", "second", "last words", "third")] == shown


def test_following_the_second_step_of_a_run(workplace: Workplace) -> None:
    workplace.start_agent()
    counting(workplace)
    workplace.ok("run", "shop/build")
    [job_id] = job_ids(workplace)
    logs = workplace.background("jobs", "logs", "-f", job_id, "--step", "2")
    eventually(lambda: "running" in workplace.ok("jobs", "show", job_id), what="the job")
    for gate in ("gate-1", "gate-2"):
        pass_gate(workplace, gate)
    assert logs.wait() == 0, logs.output
    assert numbered(logs.output) == list(range(901, 1001))
