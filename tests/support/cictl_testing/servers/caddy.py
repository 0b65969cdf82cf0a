"""caddy before a server, as Debian brings it. Tests that want it are left out where it is not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from cictl_testing.processes import eventually

PROGRAM = shutil.which("caddy")
needs_caddy = pytest.mark.skipif(PROGRAM is None, reason="caddy is not installed")


class Caddy:
    """A running caddy."""

    def __init__(self, directory: Path, caddyfile: str, *, port: int) -> None:
        """Start it, and wait until it accepts connections.

        Args:
            caddyfile: Its configuration, which has it listen on *port* of the loopback.
        """
        assert PROGRAM is not None
        directory.mkdir()
        self._port = port
        file = directory / "Caddyfile"
        file.write_text(caddyfile)
        own = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
        self._log = (directory / "caddy.log").open("wb")
        self._process = subprocess.Popen(
            [PROGRAM, "run", "--config", str(file), "--adapter", "caddyfile"],
            env={**os.environ, **own},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        eventually(self._answers, what="caddy")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, "caddy has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
