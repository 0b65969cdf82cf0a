"""A service manager in a thread: it starts a program anew whenever it ends, like `Restart=always`."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PAUSE_SECONDS = 0.1


class Supervisor:
    """Keeps `current/bin/cictl serve` of an installation running until `stop`.

    Attributes:
        starts: How often it was started.
    """

    def __init__(self, program: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self._command: Sequence[str] = [str(program), *arguments]
        self._environ = {**os.environ, **(environ or {})}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._thread = threading.Thread(target=self._run, name="supervisor")
        self._thread.start()

    def terminate(self) -> None:
        """End the program; it is started again."""
        with self._lock:
            if self._process is not None:
                self._process.terminate()

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process and self._process.wait(timeout=60)
        if self._process is not None:
            self._process.kill()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    self._command, env=self._environ, stdin=subprocess.DEVNULL, start_new_session=True
                )
                self.starts += 1
            self._process.wait()
            self._stopping.wait(_PAUSE_SECONDS)
