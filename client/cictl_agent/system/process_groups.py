"""Process groups: starting a program apart from the agent, and reaching it together with what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Protocol

from cictl.base import children
from cictl.base.children import StartOptions

_TASKKILL_SECONDS = 10
_NEW_GROUP, _NO_WINDOW = 0x200, 0x0800_0000  # CREATE_NEW_PROCESS_GROUP and CREATE_NO_WINDOW of winbase.h


class JobGroups(children.ChildGroups, Protocol):
    """Groups in which also a job's commands can run."""

    def of_job(self) -> StartOptions:
        """Return the options for a command of a job."""

    def interrupt(self, leader: int) -> None:
        """Ask a group to end."""

    def is_alive(self, leader: int) -> bool:
        """Tell whether a group has members after its leader was waited for."""


class PosixGroups:
    """Groups that signals reach. A job's command leads a session, too: by that its strays are told from the agent's own."""

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
            while os.waitpid(-leader, os.WNOHANG)[0]:  # adopted ones, dead: they would seem alive for ever
                pass
        return _signal(leader, 0)


class TaskkillGroups:
    """Windows: `taskkill /T` follows the tree of parents and children.

    A process whose parent has ended is out of its reach. A job object would reach that too, but taskkill is what the
    contract names, and it can be tried out on systems that have no job objects.
    """

    def __init__(self, *, creation_flags: int = _NEW_GROUP | _NO_WINDOW) -> None:
        """Prepare.

        Args:
            creation_flags: A group of its own keeps Ctrl-C at the agent's console from the job; without a window it has a
                hidden console, whose code page can be set to UTF-8.
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
        """Run taskkill; it fails for a process that is gone, and asking politely fails for one without a window."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["taskkill", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TASKKILL_SECONDS,
                check=False,
                **self._options,
            )


def _signal(leader: int, number: int) -> bool:
    """Signal a process group; tell whether there was anyone in it."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
