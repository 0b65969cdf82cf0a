"""The processes of a job: finding and ending all of them, also those that left their group.

They are found in the system's table of processes by their session, their ancestry, or the execution's id in their
environment. Linux shows all of that below `/proc`; `ps`, elsewhere, shows groups and ancestry. Windows has no such table
that is worth its price: there only trees are known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from cictl_agent.system.pipes import Pipe, SelectedPipe, ThreadedPipe
from cictl_agent.system.process_groups import Groups, PosixGroups, TaskkillGroups

JOB_VARIABLE = "CICTL_JOB_EXECUTION_ID"
"""Set in the environment of every process of a job; by it strays are found."""

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_KILL_SECONDS = 1.0
_TICK_SECONDS = 0.01
_PS_SECONDS = 10


def adopt_orphans() -> bool:
    """Become the parent of processes whose parents end, so that none gets out of reach; tell whether that worked.

    For a process that is an agent and nothing else.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Processes(Protocol):
    """The processes of one job."""

    @property
    def groups(self) -> Groups: ...

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        """Return a reader of a command's output."""

    def add(self, leader: int) -> None:
        """Count the command with this process id, and all it starts, as the job's."""

    def forget(self, leader: int) -> None:
        """Note that the command was waited for, so that its id may become another process's."""

    def kill_all(self) -> None:
        """End every process of the job, and return when they are gone; gives up after a second."""


class Entry(NamedTuple):
    """One process; `session` is whatever the table knows that a command leads: its session, or its group."""

    pid: int
    parent: int
    session: int
    is_zombie: bool


Table = dict[int, Entry]


class JobProcesses:
    """Processes that can be signalled; each command of the job leads a session of its own."""

    def __init__(
        self, job_id: str, *, adopts_orphans: bool = False, read_table: Callable[[], Table] | None = None
    ) -> None:
        """Begin with none.

        Args:
            adopts_orphans: `adopt_orphans` worked: every child of this process that is not in its own session is a job's.
            read_table: Where the processes are looked up; `/proc` unless told otherwise.
        """
        self.groups: Groups = PosixGroups()
        self._marker = f"{JOB_VARIABLE}={job_id}".encode()
        self._adopts_orphans = adopts_orphans
        self._read_table = read_table or proc_table
        self._leaders: set[int] = set()

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        return SelectedPipe(output)

    def add(self, leader: int) -> None:
        self._leaders.add(leader)

    def forget(self, leader: int) -> None:
        """Keep it: what the command left behind is found by its session, whose id is not given away while it lives."""

    def kill_all(self) -> None:
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
        if self._adopts_orphans and not _has_children():
            return []
        table = self._read_table()
        found = self._with_descendants(table)
        for pid in [pid for pid in found if table[pid].is_zombie]:
            found.discard(pid)
            if pid not in self._leaders:  # whoever started a leader waits for it
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        return sorted(found)

    def _with_descendants(self, table: Table) -> set[int]:
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

    def _is_root(self, process: Entry) -> bool:
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


class TreeProcesses:
    """Processes on Windows: the tree of each command, while the command itself lives."""

    def __init__(self, groups: TaskkillGroups) -> None:
        self.groups: Groups = groups
        self._leaders: set[int] = set()

    def open_pipe(self, output: IO[bytes]) -> Pipe:
        return ThreadedPipe(output)

    def add(self, leader: int) -> None:
        self._leaders.add(leader)

    def forget(self, leader: int) -> None:
        self._leaders.discard(leader)

    def kill_all(self) -> None:
        for leader in sorted(self._leaders):
            self.groups.kill(leader)


def proc_table() -> Table:
    """Return the processes that Linux shows below `/proc`."""
    table = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit() and (process := _read_process(int(entry.name))):
            table[process.pid] = process
    return table


def ps_table() -> Table:
    """Return the processes that `ps` lists, with their groups for their sessions; none where it does not answer."""
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="]
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PS_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = [line.split() for line in done.stdout.splitlines()]
    return {int(row[0]): Entry(int(row[0]), int(row[1]), int(row[2]), row[3].startswith("Z")) for row in rows}


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _read_process(pid: int) -> Entry | None:
    """Read `/proc/PID/stat`; its second field, the name, may hold anything, so fields are counted from its end."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return Entry(pid=pid, is_zombie=fields[0] == b"Z", parent=int(fields[1]), session=int(fields[3]))
