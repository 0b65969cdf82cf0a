"""Somebody who reads a page and types what it says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from cictl_testing.pages import Command, File, plain, shows, steps
from cictl_testing.ports import free_port
from cictl_testing.processes import DEADLINE_SECONDS, Process, eventually

_IN_A_TERMINAL_OF_ITS_OWN = ("cictl serve", "cictl run-agent")
_ASKED_AGAIN = "cictl runs list"
"""What the reader looks at until the server has seen a push."""
_IN_PASSING = re.compile(r"waiting for the server|[\w/.-]+: (?:queued|leased by |running: )")
"""Lines that tell how far work is. Which of them are seen is a matter of time."""
_RESULT = re.compile(r"[\w/.-]+: (?:succeeded|failed)\b")
"""Lines that tell how work ended. They are seen between any lines of a log."""


class Reader:
    """Has a home with nothing in it, Python, git and cictl, and a port that nobody else has."""

    def __init__(self, home: Path) -> None:
        self.home = self.directory = home
        self.port = free_port()
        self.terminals: dict[str, Process] = {}

    def follow(self, page: str) -> None:
        """Write the files of *page* and type its commands, in order; each must print what the page shows."""
        for step in steps(page):
            if isinstance(step, File):
                self.write(step)
            else:
                self.type(step)

    def write(self, file: File) -> None:
        (self.directory / file.name).write_text(file.text)

    def type(self, command: Command) -> None:
        """Do one command; it must print what the page shows."""
        kind = " ".join(command.text.split()[:2])
        if kind in _IN_A_TERMINAL_OF_ITS_OWN:
            self.keep(kind, command)
        elif command.text.startswith(_ASKED_AGAIN):
            eventually(lambda: self.fits(command, self.run(command)), what=f"what the page shows of {command}")
        else:
            printed = self.run(command)
            assert self.fits(command, printed), f"{command.text}\n{printed}"

    def keep(self, kind: str, command: Command) -> None:
        """Start what goes on in a terminal of its own, in place of what went on there."""
        if before := self.terminals.pop(kind, None):
            before.stop()
        child = Process(*command.text.split()[1:], environment=self.environment, directory=self.home)
        self.terminals[kind] = child
        child.wait_for_line(" serves " if kind.endswith("serve") else " polling ")
        assert self.fits(command, child.output.splitlines()[0])

    def run(self, command: Command) -> str:
        """Run a command in the shell, and stay in the directory that it goes to."""
        place = self.home / ".directory"
        done = subprocess.run(
            ["sh", "-c", f"{command.text}\ncode=$?; pwd > {place}; exit $code"],
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command.text}\n{done.stdout}"
        self.directory = Path(place.read_text().strip())
        return done.stdout

    def fits(self, command: Command, printed: str) -> bool:
        if not command.shown and not command.text.startswith("cictl"):
            return True
        here = printed.replace(str(self.home), "/home/you").replace(f":{self.port}", ":8112")
        here = here.replace(f"agent-{socket.gethostname()}", "agent-laptop")
        (shown, ends_shown), (lines, ends) = _parted(command.shown), _parted(here.splitlines())
        return shows(shown, lines) and ends_shown <= ends

    @property
    def environment(self) -> dict[str, str]:
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(("CICTL_", "CIWI_", "XDG_", "GIT_"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
        server = {"CICTL_PORT": str(self.port), "CICTL_SERVER_URL": f"http://127.0.0.1:{self.port}"}
        return {**clean, "PATH": path, "HOME": str(self.home), "NO_COLOR": "1", **server}

    def stop(self) -> None:
        for child in reversed(self.terminals.values()):
            child.stop()


def _parted(lines: list[str]) -> tuple[list[str], set[str]]:
    """Return the lines whose order is certain, and those that tell how work ended."""
    ends = {plain(line) for line in lines if _RESULT.match(line)}
    return [line for line in lines if not _IN_PASSING.match(line) and not _RESULT.match(line)], ends
