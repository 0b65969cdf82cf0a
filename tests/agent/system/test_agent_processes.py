"""Finding a job's processes by their session alone, as in a process that adopts nobody."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cictl_testing.agents.thread import gone, is_alive

from cictl_agent.system import processes as system
from cictl_agent.system.commands import run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms.macos import MacOS
from cictl_agent.system.processes import Processes


@pytest.fixture
def processes() -> Iterator[Processes]:
    """A job's, whose id is in no environment."""
    found = MacOS().job_processes("unmarked")
    yield found
    found.kill_all()


def test_what_a_command_leaves_in_its_group_ends_with_the_job(tmp_path: Path, processes: Processes) -> None:
    run_command(
        ["sh", "-c", "sleep 1000 > /dev/null 2>&1 & echo $! > pid"],
        directory=tmp_path,
        environment=os.environ,
        sink=lambda data: None,
        interruption=Interruption(),
        processes=processes,
    )
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)
    processes.kill_all()
    assert gone(pid)


SIDE_BY_SIDE = """
import os, sys
from pathlib import Path
from cictl_agent.system.commands import run_command
from cictl_agent.system.household import Household
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JOB_VARIABLE, JobProcesses, adopt_orphans
from cictl_testing.agents.thread import is_alive

assert adopt_orphans()
household, root = Household(), Path(sys.argv[1])


def job(name):
    (root / name).mkdir()
    return JobProcesses(name, adopts_orphans=True, household=household, directory=root / name)


def leave(processes, name, how, script="echo $$ > ../{}; exec sleep 1000"):
    run_command(
        ["sh", "-c", f"{how} sh -c '{script.format(name)}' > /dev/null 2>&1 & while [ ! -s ../{name} ]; do sleep 0.02; done"],
        directory=root / processes._job_id,
        environment={**os.environ, JOB_VARIABLE: processes._job_id},
        sink=lambda data: None,
        interruption=Interruption(),
        processes=processes,
    )


def alive(*names):
    return [name for name in names if is_alive(int((root / name).read_text()))]


one, two = job("one"), job("two")
for processes, mark in ((one, "1"), (two, "2")):
    leave(processes, f"session{mark}", "")
    leave(processes, f"marked{mark}", "setsid")
    leave(processes, f"housed{mark}", "env -i PATH=$PATH setsid")
leave(two, "nameless", "env -i PATH=$PATH setsid", "echo $$ > ../{}; cd /; exec sleep 1000")
one.kill_all(), one.close()
print(alive("session1", "marked1", "housed1"), alive("session2", "marked2", "housed2", "nameless"))
three = job("three")
three.kill_all(), three.close()
print(alive("session2", "marked2", "housed2", "nameless"))
two.kill_all(), two.close()
print(alive("session2", "marked2", "housed2", "nameless"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_the_end_of_a_job_spares_what_a_job_beside_it_started_or_left(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    spared = "['session2', 'marked2', 'housed2', 'nameless']"
    assert done.stdout == f"[] {spared}\n{spared}\n[]\n", done.stderr


def test_a_command_that_begins_after_nothing_was_left_is_killed_all_the_same(processes: Processes) -> None:
    for _ in range(2):
        processes.kill_all()
        with processes.starting():
            child = subprocess.Popen(["sleep", "60"], **processes.groups.of_job())
            processes.add(child.pid)
        processes.kill_all()
        assert child.wait(30) == -signal.SIGKILL
        processes.forget(child.pid)


def test_the_end_of_a_process_is_awaited_on_a_machine_that_is_slow_to_end_it(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seconds, kill = itertools.count(), itertools.count(step=2), os.kill
    with processes.starting():
        child = subprocess.Popen(["sleep", "1000"], **processes.groups.of_job())
        processes.add(child.pid)

    def kill_late(pid: int, number: int) -> None:
        if number == signal.SIGKILL and next(asked) == 1:
            kill(pid, number)

    monkeypatch.setattr(system, "os", SimpleNamespace(**{**vars(os), "kill": kill_late}))
    monkeypatch.setattr(system, "time", SimpleNamespace(monotonic=lambda: float(next(seconds)), sleep=time.sleep))
    processes.kill_all()
    assert child.wait(30) == -signal.SIGKILL
