"""The system's table of processes, and when one of them started: what psutil tells, in the words that are kept in files.

psutil is imported where it is called: most programs that know this module never look at another process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil

_HAS_PROC = Path("/proc/self/stat").exists()


class Process(NamedTuple):
    """One process of the table."""

    pid: int
    parent: int
    session: int
    is_zombie: bool
    handle: psutil.Process

    def environment(self) -> Mapping[str, str]:
        """Return the environment that it was started with; empty where that is not ours to know."""
        import psutil

        try:
            return self.handle.environ()
        except (psutil.Error, OSError):
            return {}


def table() -> dict[int, Process]:
    """Return all processes that can be seen, by their ids."""
    import psutil

    # It keeps what it saw, and leaves out a process that got the id of one seen before.
    psutil.process_iter.cache_clear()
    found = {}
    for process in psutil.process_iter(["ppid", "status"]):
        try:
            session = os.getsid(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
        is_zombie = process.info["status"] == psutil.STATUS_ZOMBIE
        found[process.pid] = Process(process.pid, process.info["ppid"], session, is_zombie, process)
    return found


def exists(pid: int) -> bool:
    """Tell whether there is a process with this id, also one that has ended and was not waited for."""
    import psutil

    return psutil.pid_exists(pid)


def start_of(pid: int) -> str:
    """Return when a process started, in words that only it has; empty when there is none, or it has ended.

    They are compared with what another version wrote: clock ticks since the system's start, as `/proc/PID/stat` has them,
    and where there is none the local time as `ps -o lstart=` has it.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return str(_ticks(pid)) if _HAS_PROC else time.ctime(process.create_time())
    except psutil.Error:
        return ""


def _ticks(pid: int) -> int:
    """Return the ticks between the system's start and the process's.

    psutil adds the time of the system's start, which moves when the clock is set; it must be the same before and after.
    """
    import psutil

    while True:
        booted = psutil.boot_time()
        created = psutil.Process(pid).create_time()
        if psutil.boot_time() == booted:
            return round((created - booted) * os.sysconf("SC_CLK_TCK"))
