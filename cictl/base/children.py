"""Programs that this process waits for, and that end with it: each has a group of its own, with whatever it starts."""

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
    """What `subprocess.Popen` is told so that a program leads a group of its own."""

    start_new_session: bool
    process_group: int
    creationflags: int


class ChildGroups(Protocol):
    """How one kind of system has groups; a group is named by the process id of the program that leads it."""

    def aside(self) -> StartOptions:
        """Return the options for a program that this process asks on its own account."""

    def kill(self, leader: int) -> None:
        """End a group; one that is gone is fine."""


class Sessions:
    """ChildGroups that are sessions, too: what a terminal sends to us does not reach them."""

    def aside(self) -> StartOptions:
        return {"start_new_session": True}

    def kill(self, leader: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)


class _Child:
    """A program that runs, and its group."""

    def __init__(self, process: subprocess.Popen[bytes], groups: ChildGroups) -> None:
        self._process = process
        self._groups = groups

    def kill(self) -> None:
        if self._process.returncode is None:  # else its id may be another's by now
            self._groups.kill(self._process.pid)
            self._process.kill()  # also where the group is out of reach


class Stop:
    """Ends the program that another thread waits for, and lets no more begin."""

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
        """Let `set` end *child* while the block runs."""
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
) -> subprocess.CompletedProcess[bytes]:
    """Run a program without input to its end, and return what it wrote.

    Args:
        stdout: A file takes output without a pipe, which something left behind could hold open beyond the limit.
        groups: `Sessions` unless told otherwise.
        stop: Ends it early, from another thread; the exit code tells that it was killed.

    Raises:
        subprocess.TimeoutExpired: It took longer than *seconds*, and was ended with its group.
        OSError: It can't be started.
    """
    groups = groups or Sessions()
    with _lock:
        process = subprocess.Popen(
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
    finally:
        with _lock:
            _running.discard(child)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end_all() -> None:
    """End all that run now, and what they started; whoever waits for one sees that it was killed."""
    with _lock:
        for child in _running:
            child.kill()


atexit.register(end_all)
