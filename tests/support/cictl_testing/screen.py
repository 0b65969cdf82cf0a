"""The program on a real terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pexpect

from cictl_testing.processes import DEADLINE_SECONDS

NO_CHANGE: Mapping[str, str] = {}


class Screen:
    """Starts the program on a terminal."""

    def __init__(self, url: str, home: Path) -> None:
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "xterm-256color",
            "CICTL_SERVER_URL": url,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        self._home = home

    def start(
        self, *argv: str, columns: int = 80, env: Mapping[str, str] = NO_CHANGE, cwd: Path | None = None
    ) -> pexpect.spawn[str]:
        """Start the program in *cwd*, by default the home directory."""
        return pexpect.spawn(
            sys.executable,
            ["-m", "cictl.cli.app.main", *argv],
            env={**self.env, **env},
            cwd=str(cwd or self._home),
            dimensions=(24, columns),
            encoding="utf-8",
            timeout=DEADLINE_SECONDS,
        )

    def show(self, *argv: str, columns: int = 80, env: Mapping[str, str] = NO_CHANGE) -> str:
        """Return everything that the program writes until it ends."""
        child = self.start(*argv, columns=columns, env=env)
        child.expect(pexpect.EOF)
        child.close()
        return str(child.before)


def end(child: pexpect.spawn[str]) -> int:
    """Wait for the end and return the exit code."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return child.exitstatus
