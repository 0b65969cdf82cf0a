"""Finding a job's processes by their session alone, as in a process that adopts nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.agents.thread import gone, is_alive

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
