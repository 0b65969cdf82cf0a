"""The processes of a job: finding and ending all of them, also those that left their group.

On Linux they are found below `/proc` by their session, their ancestry, or the execution's id in their environment.
Elsewhere only process groups are known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

JOB_VARIABLE = "CICTL_JOB_EXECUTION_ID"
"""Set in the environment of every process of a job; by it strays are found."""

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_KILL_SECONDS = 1.0
_TICK_SECONDS = 0.01


def adopt_orphans() -> bool:
    """Become the parent of processes whose parents end, so that none gets out of reach; tell whether that worked.

    For a process that is an agent and nothing else.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class _Process(NamedTuple):
    pid: int
    parent: int
    session: int
    is_zombie: bool


class JobProcesses:
    """The processes of one job; each of its commands leads a session of its own."""

    def __init__(self, job_id: str, *, adopts_orphans: bool = False) -> None:
        """Begin with none.

        Args:
            adopts_orphans: `adopt_orphans` worked: every child of this process that is not in its own session is a job's.
        """
        self._marker = f"{JOB_VARIABLE}={job_id}".encode()
        self._adopts_orphans = adopts_orphans
        self._leaders: set[int] = set()

    def add(self, leader: int) -> None:
        """Count the command with this process id, and all it starts, as the job's."""
        self._leaders.add(leader)

    def signal_group(self, leader: int, number: int) -> bool:
        """Signal a command's process group; tell whether there was anyone in it."""
        try:
            os.killpg(leader, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def is_group_alive(self, leader: int) -> bool:
        """Tell whether a command's group has members after the command itself was waited for."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-leader, os.WNOHANG)[0]:  # adopted ones, dead: they would seem alive for ever
                pass
        return self.signal_group(leader, 0)

    def kill_all(self) -> None:
        """End every process of the job, and return when they are gone; gives up after a second."""
        deadline = time.monotonic() + _KILL_SECONDS
        while found := self._find():
            # Stopped first, so that none can start another while the others die.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            if time.monotonic() > deadline:
                return
            time.sleep(_TICK_SECONDS)

    def _find(self) -> list[int]:
        """Return the living processes of the job, and bury the dead ones that fell to us."""
        if sys.platform != "linux":
            for leader in self._leaders:
                self.signal_group(leader, signal.SIGKILL)
            return []
        if self._adopts_orphans and not _has_children():
            return []
        table = _process_table()
        found = self._with_descendants(table)
        for pid in [pid for pid in found if table[pid].is_zombie]:
            found.discard(pid)
            if pid not in self._leaders:  # whoever started a leader waits for it
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        return sorted(found)

    def _with_descendants(self, table: dict[int, _Process]) -> set[int]:
        children: dict[int, list[int]] = {}
        for process in table.values():
            children.setdefault(process.parent, []).append(process.pid)
        found: set[int] = set()
        left = [process.pid for process in table.values() if self._is_root(process)]
        while left:
            pid = left.pop()
            if pid not in found:
                found.add(pid)
                left += children.get(pid, ())
        return found

    def _is_root(self, process: _Process) -> bool:
        """Whether it is the job's by its session, by the id in its environment, or because it was adopted."""
        if process.pid == os.getpid():
            return False
        if process.session in self._leaders:
            return True
        if self._adopts_orphans and process.parent == os.getpid():
            return process.session != os.getsid(0)
        try:
            return self._marker in (_PROC / str(process.pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            return False


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _process_table() -> dict[int, _Process]:
    table = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit() and (process := _read_process(int(entry.name))):
            table[process.pid] = process
    return table


def _read_process(pid: int) -> _Process | None:
    """Read `/proc/PID/stat`; its second field, the name, may hold anything, so fields are counted from its end."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return _Process(pid=pid, is_zombie=fields[0] == b"Z", parent=int(fields[1]), session=int(fields[3]))
