"""Finding a job's processes with `ps`, as on systems without `/proc`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agent_thread import gone, is_alive
from cictl_testing.processes import eventually
from cictl_testing.programs import Programs

from cictl_agent.system.commands import run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms.macos import MacOS
from cictl_agent.system.processes import Processes, proc_table, ps_table


@pytest.fixture
def processes() -> Iterator[Processes]:
    """A job's, whose id is in no environment: by that they would be found below /proc."""
    found = MacOS().job_processes("unmarked")
    yield found
    found.kill_all()


def run(script: str, directory: Path, processes: Processes) -> None:
    run_command(
        ["sh", "-c", script],
        directory=directory,
        environment=os.environ,
        sink=lambda data: None,
        interruption=Interruption(),
        processes=processes,
    )


def test_ps_knows_what_proc_knows() -> None:
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        entry = ps_table()[child.pid]
        assert entry == proc_table()[child.pid]
        assert (entry.parent, entry.session, entry.is_zombie) == (os.getpid(), child.pid, False)
    finally:
        child.kill()
    eventually(lambda: ps_table()[child.pid].is_zombie, what="the zombie")
    child.wait()


def test_what_a_command_leaves_in_its_group_ends_with_the_job(tmp_path: Path, processes: Processes) -> None:
    run("sleep 1000 > /dev/null 2>&1 & echo $! > pid", tmp_path, processes)
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)
    processes.kill_all()
    assert gone(pid)


def test_system_without_a_table_has_no_processes(programs: Programs) -> None:
    assert ps_table() == {}
