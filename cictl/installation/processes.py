"""The process that serves. It announces itself in a file, so that the updater can stop it, and see it start again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec

from cictl.base.system.files import read_json, write_json
from cictl.base.system.processes import exists, start_of
from cictl.installation.layout import Layout

STOP_SECONDS = 45.0
"""How long a server may take to finish its answers before it is killed."""

MAX_STARTS = 3
"""How often a new version may start without becoming healthy."""

_LOOK_SECONDS = 0.1


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A process; `started` tells it from a later one with the same id, empty where the system can't say."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether it still runs. A zombie does not."""
        return start_of(self.pid) == self.started if self.started else exists(self.pid)


def announce(layout: Layout) -> None:
    """Write down that this process serves, unless another one does: then this one is a second server, and soon ends."""
    if announced(layout) is None:
        write_json(layout.updates / "server.json", ProcessIdentity(pid=os.getpid(), started=start_of(os.getpid())))


def announced(layout: Layout) -> ProcessIdentity | None:
    """Return the process that serves; None if it has ended."""
    found = last_announced(layout)
    return found if found and found.is_alive else None


def last_announced(layout: Layout) -> ProcessIdentity | None:
    """Return the last process that announced itself, alive or not."""
    return read_json(layout.updates / "server.json", ProcessIdentity)


def find(pid: int) -> ProcessIdentity | None:
    """Return the process with this id; None if it has ended."""
    found = ProcessIdentity(pid=pid, started=start_of(pid))
    return found if found.started else None


class Host(Protocol):
    """What runs the server: a service manager, or the updater itself."""

    def stop(self) -> None:
        """End the running server, and return when it has ended."""

    def start(self) -> None:
        """Make sure that a server of the version `current` starts."""

    def has_lost(self) -> bool:
        """Tell whether the server that was started will never become healthy."""


class ServiceManager:
    """A manager that restarts the server whenever it ends, as systemd does with `Restart=always`."""

    def __init__(
        self, layout: Layout, *, sleep: Callable[[float], None] = time.sleep, stop_seconds: float = STOP_SECONDS
    ) -> None:
        self._layout = layout
        self._sleep = sleep
        self._stop_seconds = stop_seconds
        self._before: ProcessIdentity | None = None
        self._seen: set[ProcessIdentity] = set()

    def stop(self) -> None:
        if running := announced(self._layout):
            end(running, seconds=self._stop_seconds, sleep=self._sleep)

    def start(self) -> None:
        """Do nothing but begin to count starts: the manager starts the server by itself."""
        self._before = last_announced(self._layout)
        self._seen = set()

    def has_lost(self) -> bool:
        """Tell whether the server has started too often. The manager itself would go on without end."""
        if last := last_announced(self._layout):
            self._seen.add(last)
        return len(self._seen - {self._before}) > MAX_STARTS


class OwnChild:
    """The updater itself, without a manager. It starts the server with the arguments that it had before."""

    def __init__(
        self,
        layout: Layout,
        arguments: list[str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._layout = layout
        self._arguments = arguments
        self._sleep = sleep
        self._stop_seconds = stop_seconds
        self._child: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        if running := announced(self._layout):
            end(running, seconds=self._stop_seconds, sleep=self._sleep)
        self._bury()

    def start(self) -> None:
        self._bury()
        if announced(self._layout) is None:
            command = [str(self._layout.current_script), *self._arguments]
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own command line

    def has_lost(self) -> bool:
        """Tell whether the server has ended: nobody would restart it."""
        return self._child is not None and self._child.poll() is not None

    def _bury(self) -> None:
        """End a child that never announced itself, and wait for it, so that no zombie stays."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(timeout=self._stop_seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None


def end(process: ProcessIdentity, *, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """End a process by SIGTERM, and after *seconds* by SIGKILL."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    if not wait_for_end(process, seconds=seconds, sleep=sleep):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        wait_for_end(process, seconds=seconds, sleep=sleep)


def wait_for_end(process: ProcessIdentity, *, seconds: float, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Wait until a process has ended, and tell whether it has."""
    deadline = time.monotonic() + seconds
    while process.is_alive:
        if time.monotonic() > deadline:
            return False
        sleep(_LOOK_SECONDS)
    return True
