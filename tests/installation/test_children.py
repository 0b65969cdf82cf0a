"""Programs that are waited for end with whoever waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cictl_testing.processes import DEADLINE_SECONDS, eventually

from cictl.base.system import children
from cictl.installation import processes

FAMILY = "sleep 300 & echo $! > {0}.new; mv {0}.new {0}; wait"
"""What pip is too: a program that has another one do the work."""


def command(told: Path) -> list[str]:
    return ["sh", "-c", FAMILY.format(told)]


def grandchild(told: Path) -> int:
    eventually(told.exists, what="the grandchild")
    return int(told.read_text())


def is_gone(pid: int) -> bool:
    return processes.find(pid) is None


def test_what_a_program_writes_is_returned() -> None:
    done = children.run(["sh", "-c", "echo out; echo err >&2; exit 3"], env=os.environ, seconds=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_all_are_ended_with_what_they_started(tmp_path: Path) -> None:
    ended: list[int] = []

    def wait() -> None:
        ended.append(children.run(command(tmp_path / "pid"), env=os.environ, seconds=300).returncode)

    waiting = threading.Thread(target=wait)
    waiting.start()
    pid = grandchild(tmp_path / "pid")
    children.end_all()
    waiting.join(DEADLINE_SECONDS)
    assert ended == [-9]
    eventually(lambda: is_gone(pid), what="its end")


def test_one_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    for seconds in (1, 10, 100):  # until it has begun before its time was over
        with pytest.raises(subprocess.TimeoutExpired):
            children.run(command(told), env=os.environ, seconds=seconds)
        if told.exists():
            break
    eventually(lambda: is_gone(grandchild(told)), what="its end")


def test_none_outlives_a_process_that_ends_meanwhile(tmp_path: Path) -> None:
    program = f"""
import os, threading
from pathlib import Path
from cictl.base.system import children
work = lambda: children.run({command(tmp_path / "pid")!r}, env=os.environ, seconds=300)
threading.Thread(target=work, daemon=True).start()
while not Path({str(tmp_path / "pid")!r}).exists():
    pass
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=DEADLINE_SECONDS)
    eventually(lambda: is_gone(grandchild(tmp_path / "pid")), what="its end")
