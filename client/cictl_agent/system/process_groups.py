"""Process groups: starting a program apart from the agent, and signalling it together with what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Protocol

from cictl.base.system import children
from cictl.base.system.children import StartOptions

_TASKKILL_SECONDS = 10
_NEW_GROUP, _NO_WINDOW = 0x200, 0x0800_0000  # CREATE_NEW_PROCESS_GROUP and CREATE_NO_WINDOW of winbase.h


class JobGroups(children.ChildGroups, Protocol):
    """Groups in which the commands of a job can run, too."""

    def of_job(self) -> StartOptions:
        """Return the options for a command of a job."""

    def interrupt(self, leader: int) -> None:
        """Ask the processes of a group to end."""


class PosixGroups:
    """Groups that signals reach. A job's command also leads a session, which tells its strays from the agent's own children."""

    def of_job(self) -> StartOptions:
        return {"start_new_session": True}

    def aside(self) -> StartOptions:
        return {"process_group": 0}

    def interrupt(self, leader: int) -> None:
        _signal(leader, signal.SIGINT)

    def kill(self, leader: int) -> None:
        _signal(leader, signal.SIGKILL)

    def is_alive(self, leader: int) -> bool:
        with contextlib.suppress(ChildProcessError):
            # A dead child stays a member until it is waited for; one whose parent died too is ours if we adopt orphans.
            while os.waitpid(-leader, os.WNOHANG)[0]:
                pass
        return _signal(leader, 0)


class TaskkillGroups:
    """Groups on Windows: `taskkill /T` follows the tree of parents and children.

    It misses a process whose parent has ended. A job object would not, but the contract names taskkill, and tests on
    other systems can put a program in its place.
    """

    def __init__(self, *, creation_flags: int = _NEW_GROUP | _NO_WINDOW) -> None:
        """Prepare.

        Args:
            creation_flags: By default a new group, so that Ctrl-C at the agent's console does not reach the job, and no
                window, which gives it a hidden console whose code page can be set to UTF-8.
        """
        self._options: StartOptions = {"creationflags": creation_flags}

    def of_job(self) -> StartOptions:
        return self._options

    def aside(self) -> StartOptions:
        return self._options

    def interrupt(self, leader: int) -> None:
        self._taskkill("/PID", str(leader), "/T")

    def kill(self, leader: int) -> None:
        self._taskkill("/PID", str(leader), "/T", "/F")

    def is_alive(self, leader: int) -> bool:
        return False

    def _taskkill(self, *arguments: str) -> None:
        """Run taskkill, and ignore its failure: the process may be gone, or have no window to ask politely."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - our words and the ids of processes
                ["taskkill", *arguments],  # noqa: S607 - found on the PATH of the service, as all tools
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TASKKILL_SECONDS,
                check=False,
                **self._options,
            )


def _signal(leader: int, number: int) -> bool:
    """Signal a process group; tell whether it had a member."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
