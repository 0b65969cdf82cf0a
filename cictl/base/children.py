"""Programs that this process waits for, and that end with it: each has a group of its own, with whatever it starts."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    seconds: float,
    cwd: Path | None = None,
    stderr: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input to its end, and return what it wrote.

    Raises:
        subprocess.TimeoutExpired: It took longer than *seconds*, and was ended.
        OSError: It can't be started.
    """
    with _lock:
        child = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _running.add(child)
    try:
        with child:
            try:
                out, err = child.communicate(timeout=seconds)
            except BaseException:
                _kill(child)
                raise
    finally:
        with _lock:
            _running.discard(child)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def end_all() -> None:
    """End all that run now, and what they started; whoever waits for one sees that it was killed."""
    with _lock:
        for child in _running:
            _kill(child)


def _kill(child: subprocess.Popen[str]) -> None:
    if child.returncode is None:  # else its id may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


atexit.register(end_all)
