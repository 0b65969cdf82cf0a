"""Starts `cictl` as a fork of the template, one of which each process of tests has."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cictl_testing.forks import template

FRESH = "CICTL_TEST_FRESH"
"""With it in the environment nothing is forked: each process is a new interpreter, as tests want it that look into `/proc`."""

_NAME = "cictl"
_LOCK = threading.Lock()


def can_fork() -> bool:
    return hasattr(os, "pidfd_open") and not os.environ.get(FRESH)


class Forked:
    """A process of cictl, with the verbs that `subprocess.Popen` has too.

    Attributes:
        pid: Its id.
        returncode: None as long as it was not found ended.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        stdout: IO[Any],
        stderr: IO[Any],
    ) -> None:
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self._ended, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        wanted = {"arguments": list(arguments), "environment": dict(environment), "directory": str(directory)}
        with told, Path(os.devnull).open("rb") as nothing:
            descriptors = [each.fileno() for each in (nothing, stdout, stderr, told)]
            socket.send_fds(_template(), [json.dumps(wanted).encode()], descriptors)
        self.pid = int(self._ended.recv(32))
        weakref.finalize(self, self._ended.close)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, and None as long as it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended.

        Raises:
            subprocess.TimeoutExpired: It runs on after *timeout* seconds.
        """
        found = self._look(timeout)
        if found is None:
            raise subprocess.TimeoutExpired(_NAME, timeout or 0)
        return found

    def send_signal(self, number: int) -> None:
        """Signal the process unless it has ended, also when nobody was told yet that it has."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and _can_read(self._ended, seconds):
            with self._lock:
                if self.returncode is None:
                    self.returncode = int(self._ended.recv(32))
        return self.returncode


def _can_read(end: socket.socket, seconds: float | None) -> bool:
    """Wait until there is something to read. `select` would do so for the first 1024 descriptors of a process alone."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def run_forked(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, as `subprocess.run` does."""
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        process = Forked(arguments, environment=environment, directory=directory, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([_NAME, *arguments], code, out.read(), err.read())


def _template() -> socket.socket:
    with _LOCK:
        return _started_template()


@functools.cache
def _started_template() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CICTL_", "CIWI_"))}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, template.__file__, str(theirs.fileno())],
            env=clean,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    atexit.register(_end, ours, process)
    return ours


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()
