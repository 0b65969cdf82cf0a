"""The system's table of processes, and the start time of one, in the form that is kept in files.

psutil is imported inside the functions: most programs that import this module never look at another process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil

_HAS_PROC = Path("/proc/self/stat").exists()


class Process(NamedTuple):
    """One process of the table. `session` is the id of its session's leader; `handle` is psutil's."""

    pid: int
    parent: int
    session: int
    is_zombie: bool
    handle: psutil.Process

    def environment(self) -> Mapping[str, str]:
        """Return the environment that it was started with; empty if we may not read it."""
        import psutil

        try:
            return self.handle.environ()
        except (psutil.Error, OSError):
            return {}

    def directory(self) -> Path | None:
        """Return its working directory; None if we may not see it, or if it has ended."""
        import psutil

        try:
            return Path(self.handle.cwd())
        except (psutil.Error, OSError):
            return None

    def started(self) -> float | None:
        """Return the `uptime` at which it started; None if it is gone, or where starts are not counted from there."""
        import psutil

        try:
            return _ticks(self.pid) / os.sysconf("SC_CLK_TCK") if _HAS_PROC else None
        except psutil.Error:
            return None

    def name(self) -> str:
        """Return the name of its program; `?` if it is gone."""
        import psutil

        try:
            return self.handle.name()
        except (psutil.Error, OSError):
            return "?"

    def arguments(self) -> tuple[str, ...]:
        """Return its command line; empty if it is gone."""
        import psutil

        try:
            return tuple(self.handle.cmdline())
        except (psutil.Error, OSError):
            return ()

    def is_alive(self) -> bool:
        """Tell whether it still runs; a zombie does not."""
        import psutil

        try:
            return self.handle.is_running() and self.handle.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False


def sessions() -> dict[int, int]:
    """Return the session of each process, by process id. It costs far less than `table`."""
    import psutil

    found: dict[int, int] = {}
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            found[pid] = os.getsid(pid)
    return found


def table(*, since: float | None = None, besides: Collection[int] = ()) -> dict[int, Process]:
    """Return the processes that we can see, by id.

    Args:
        since: Leave out processes that started before this `uptime`; None leaves out none.
        besides: Leave out the processes of these sessions.
    """
    import psutil

    while True:
        booted = psutil.boot_time()
        found: dict[int, Process] = {}
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                if (session := os.getsid(pid)) in besides:
                    continue
                handle = psutil.Process(pid)
                if since is None or handle.create_time() - booted >= since:
                    told = handle.as_dict(["ppid", "status"])
                    is_zombie = told["status"] == psutil.STATUS_ZOMBIE
                    found[pid] = Process(pid, told["ppid"], session, is_zombie, handle)
        # psutil adds the system's boot time to each start. Both move when the clock is set: then look again.
        if since is None or psutil.boot_time() == booted:
            return found


def uptime() -> float | None:
    """Return the seconds since the system booted; None where the starts of processes are not counted from there."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" and _HAS_PROC else None


def exists(pid: int) -> bool:
    """Tell whether a process has this id. A zombie, which has ended but was not waited for, counts."""
    import psutil

    return psutil.pid_exists(pid)


def start_of(pid: int) -> str:
    """Return when a process started; empty if there is none or it has ended.

    The system reuses process ids, but no two processes with one id have the same start. So id and start together, kept
    in a file, identify a process. The form must stay: the file may be from another version. It is the clock ticks since
    the system's start, as in `/proc/PID/stat`; without `/proc` the local time, as `ps -o lstart=` prints it.
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
    """Return the clock ticks from the system's start to the process's.

    psutil adds the time of the system's start, so it is subtracted again. That time moves when the clock is set: if it
    moved during the calculation, the difference would be wrong, and the calculation starts again.
    """
    import psutil

    while True:
        booted = psutil.boot_time()
        created = psutil.Process(pid).create_time()
        if psutil.boot_time() == booted:
            return round((created - booted) * os.sysconf("SC_CLK_TCK"))
