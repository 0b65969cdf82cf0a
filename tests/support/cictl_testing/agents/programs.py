"""Programs that are none: executables on a PATH of their own that note how they are called."""

from __future__ import annotations

from pathlib import Path

from cictl_testing.processes import eventually


class Programs:
    """A directory of executables, and what they were called with."""

    def __init__(self, directory: Path) -> None:
        self.bin_dir = directory / "bin"
        self._calls = directory / "calls"
        for needed in (self.bin_dir, self._calls):
            needed.mkdir(parents=True)

    def add(self, name: str, script: str = ":") -> None:
        """Add one that notes its arguments and then runs *script* in `sh`."""
        noted = self._calls / name
        file = self.bin_dir / name
        file.write_text(
            f'#!/bin/sh\n{{ for argument in "$@"; do printf "%s\\0" "$argument"; done; printf "\\1"; }} >> {noted}\n'
            f"{script}\n"
        )
        file.chmod(0o755)

    def calls(self, name: str) -> list[list[str]]:
        """Return the arguments of each call that one of them got so far."""
        noted = self._calls / name
        calls = noted.read_text().split("\1")[:-1] if noted.exists() else []
        return [call.split("\0")[:-1] for call in calls]

    def eventually_called(self, name: str) -> None:
        """Wait for a call by a process that nobody else waits for."""
        eventually(lambda: self.calls(name), what=f"a call of {name}")
