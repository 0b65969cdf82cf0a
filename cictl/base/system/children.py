"""Run programs that this process waits for. Each leads a group of its own, and ends with this process."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, TypedDict


class StartOptions(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that make a program the leader of a group of its own."""

    start_new_session: bool
    process_group: int
    creationflags: int


class ChildGroups(Protocol):
    """How a kind of system starts and kills groups of processes. The id of a group is the process id of its leader."""

    def aside(self) -> StartOptions:
        """Return the options that start a program in a group of its own."""

    def kill(self, leader: int) -> None:
        """Kill a group. A group that is gone is no error."""

    def is_alive(self, leader: int) -> bool:
        """Tell whether a group still has members after its leader was waited for."""


class Sessions:
    """Groups that are sessions of their own, so that Ctrl-C in our terminal does not reach them."""

    def aside(self) -> StartOptions:
        return {"start_new_session": True}

    def kill(self, leader: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)

    def is_alive(self, leader: int) -> bool:
        try:
            os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


class _Child:
    """A running program and its group."""

    def __init__(self, process: subprocess.Popen[bytes], groups: ChildGroups) -> None:
        self._process = process
        self._groups = groups

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        if self._process.returncode is None:  # once it was waited for, its id may belong to another process
            self._groups.kill(self._process.pid)
            self._process.kill()  # in case the group could not be killed


class Stop:
    """A switch that kills the program that another thread runs with it, and every later one at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._is_set = False

    def set(self) -> None:
        with self._lock:
            self._is_set = True
            if self._child is not None:
                self._child.kill()

    @contextmanager
    def _holding(self, child: _Child) -> Iterator[None]:
        """Let `set` kill *child* while the block runs."""
        with self._lock:
            self._child = child
            if self._is_set:
                child.kill()
        try:
            yield
        finally:
            with self._lock:
                self._child = None


_running: set[_Child] = set()
_lock = threading.Lock()


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    seconds: float,
    cwd: Path | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    groups: ChildGroups | None = None,
    stop: Stop | None = None,
    ends_group: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, without input, and return what it wrote.

    Args:
        stdout: A file, if the program may leave a process behind: that could hold a pipe open beyond the limit.
        groups: How its group is made; `Sessions` by default.
        stop: Lets another thread kill it. The return code tells that it was killed.
        ends_group: Kill what it leaves behind in its group, too.

    Raises:
        subprocess.TimeoutExpired: It took longer than *seconds*, and was killed with its group.
        OSError: It can't be started.
    """
    groups = groups or Sessions()
    # Start and entry into `_running` are one step, so that `end_all` misses no program that has started.
    with _lock:
        process = subprocess.Popen(  # noqa: S603 - a list from our own callers, and no shell
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            **groups.aside(),
        )
        child = _Child(process, groups)
        _running.add(child)
    try:
        with process, (stop or Stop())._holding(child):
            try:
                out, err = process.communicate(timeout=max(0.0, seconds))
            except BaseException:
                child.kill()
                raise
            if ends_group and groups.is_alive(process.pid):
                groups.kill(process.pid)
    finally:
        with _lock:
            _running.discard(child)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def running() -> frozenset[int]:
    """Return the process ids of the programs that run now."""
    with _lock:
        return frozenset(child.pid for child in _running)


def end_all() -> None:
    """Kill all programs that run now, with their groups. The threads that wait for them see that they were killed."""
    with _lock:
        for child in _running:
            child.kill()


atexit.register(end_all)
