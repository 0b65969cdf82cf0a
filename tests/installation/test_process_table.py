"""The table of processes, and the starts of processes as files of other versions have them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cictl_testing.processes import eventually

from cictl.base.system import processes


def test_table_tells_parents_sessions_and_zombies() -> None:
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        seen = processes.table()[child.pid]
        assert (seen.parent, seen.session, seen.is_zombie) == (os.getpid(), child.pid, False)
    finally:
        child.kill()
    eventually(lambda: processes.table()[child.pid].is_zombie, what="the zombie")
    assert processes.table()[child.pid].session == child.pid
    assert (processes.start_of(child.pid), processes.exists(child.pid)) == ("", True)
    child.wait()
    assert (processes.start_of(child.pid), processes.exists(child.pid)) == ("", False)


def test_table_leaves_out_the_sessions_that_are_named() -> None:
    assert os.getpid() in processes.table()
    assert os.getpid() not in processes.table(besides=[os.getsid(0)])


@pytest.mark.skipif(processes.uptime() is None, reason="starts are told by the clock here")
def test_table_leaves_out_what_started_before() -> None:
    begun = processes.uptime()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        time.sleep(0.02)  # a start is told in hundredths, rounded down
        later = processes.uptime()
        assert begun is not None
        assert child.pid in processes.table(since=begun - 0.01)
        assert child.pid not in processes.table(since=later)


def test_environment_is_the_one_of_the_start() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"A": "b=c"}) as child:
        seen = processes.table()[child.pid]
        assert seen.environment() == {"A": "b=c"}
    assert seen.environment() == {}


def test_start_is_told_as_the_release_before_told_it() -> None:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    assert processes.start_of(os.getpid()) == fields[19]


def test_start_is_told_as_ps_tells_it_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_HAS_PROC", False)
    told = time.strptime(processes.start_of(os.getpid()), "%a %b %d %H:%M:%S %Y")
    assert 0 <= time.time() - time.mktime(told) < 24 * 3600


def test_psutil_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, cictl.installation.processes, cictl_agent.system.processes; sys.exit('psutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
