"""cictl in a managed installation, kept running as a service manager would, with an updater that waits for requests."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from cictl.installation.layout import Layout
from cictl.installation.processes import announced, end
from cictl_testing.installs.answering import version_at
from cictl_testing.installs.supervisor import Supervisor
from cictl_testing.processes import DEADLINE_SECONDS, Process, Workplace

_LOOK_SECONDS = 0.1


class PathUnit:
    """Runs the updater whenever a request for it waits, like a unit with `PathExists=`.

    Attributes:
        said: What each run of it wrote.
        health_seconds: How long a version may take to be healthy. Who waits for one that never is sets a shorter time.
    """

    def __init__(self, layout: Layout) -> None:
        self.health_seconds = DEADLINE_SECONDS
        self._layout = layout
        self._stopping = threading.Event()
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._watch, name="path unit")
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        updates = self._layout.updates
        while not self._stopping.wait(_LOOK_SECONDS):
            if (updates / "pending.json").exists() or (updates / "applying.json").exists():
                self.said.append(self._run())

    def _run(self) -> str:
        command = [str(self._layout.home / "updater" / "bin" / "cictl"), "apply-staged-update"]
        command += ["--home", str(self._layout.home), "--data-dir", str(self._layout.data_dir)]
        done = subprocess.run(
            command,
            env={**os.environ, "CICTL_UPDATE_HEALTH_TIMEOUT": str(self.health_seconds)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr


class _InstalledWorkplace(Workplace):
    """A server of an installation; agents and commands are those of the checkout."""

    mode: Mapping[str, str]

    def __init__(self, directory: Path, layout: Layout, settings: Mapping[str, str]) -> None:
        """Start whatever version is current, with *settings* in its environment."""
        self.layout = layout
        limit = {"CICTL_UPDATE_HEALTH_TIMEOUT": str(DEADLINE_SECONDS)}
        self._settings = {"CICTL_CONTAINER": "0", **limit, **self.mode, **settings}
        super().__init__(directory)

    def start_server(self) -> Process:
        self.url = f"http://127.0.0.1:{self._port}"
        self._serve("serve", "--port", str(self._port), "--data-dir", str(self.layout.data_dir))
        assert self.version
        return self.background("healthcheck", "--wait")

    def _serve(self, *arguments: str) -> None:
        raise NotImplementedError

    @property
    def version(self) -> str:
        """What serves."""
        return version_at(self.url)


class ManagedWorkplace(_InstalledWorkplace):
    """Its server is a service."""

    mode: Mapping[str, str] = {"INVOCATION_ID": "1", "SYSTEMD_EXEC_PID": "", "CICTL_UPDATER_UNIT": "x"}

    def _serve(self, *arguments: str) -> None:
        self.updater = PathUnit(self.layout)
        self.supervisor = Supervisor(self.layout.current_script, *arguments, environ=self._settings)

    def close(self) -> None:
        super().close()
        self.updater.stop()
        self.supervisor.stop()


class LoneWorkplace(_InstalledWorkplace):
    """Its server was started by hand."""

    mode: Mapping[str, str] = {"INVOCATION_ID": "", "CICTL_UPDATE_ALLOW_REEXEC": "1"}

    def _serve(self, *arguments: str) -> None:
        process = subprocess.Popen(
            [self.layout.current_script, *arguments], env={**os.environ, **self._settings}, stdin=subprocess.DEVNULL
        )
        self._shell = threading.Thread(target=process.wait)  # which notices its end, as whoever started it does
        self._shell.start()

    def close(self) -> None:
        super().close()
        if running := announced(self.layout):
            end(running, seconds=DEADLINE_SECONDS)
        self._shell.join()
