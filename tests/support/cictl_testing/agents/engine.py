"""A container engine that is none: an executable that notes how it is called, and fails on demand."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from cictl_testing.agents import engine_program


@dataclass(frozen=True)
class Call:
    """One call of the engine's command line."""

    arguments: list[str]
    environment: dict[str, str]

    @property
    def verb(self) -> str:
        return self.arguments[0]


class StandInEngine:
    """The engine's executable, in a directory of its own, and its state."""

    def __init__(self, directory: Path, *, name: str = "docker", info: object = None) -> None:
        """Prepare it.

        Args:
            info: What it tells of itself; by default what a docker does.
        """
        self.bin_dir = directory / "bin"
        self._state = directory / "state"
        for needed in (self.bin_dir, *(self._state / part for part in ("images", "containers", "removed"))):
            needed.mkdir(parents=True)
        (self._state / "faults").write_text("{}")
        (self._state / "info").write_text(json.dumps(info or {"ServerVersion": "99.1.0"}))
        self.path = self.bin_dir / name
        # No shell in between: it would drop variables whose names it can't set.
        self.path.write_text(
            f"#!{sys.executable}\nimport runpy, sys\nsys.argv.insert(1, {str(self._state)!r})\n"
            f"runpy.run_path({engine_program.__file__!r}, run_name='__main__')\n"
        )
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[Call]:
        noted = self._state / "calls"
        return [Call(**json.loads(line)) for line in noted.read_text().splitlines()] if noted.exists() else []

    def called(self, verb: str) -> list[Call]:
        return [call for call in self.calls if call.verb == verb]

    @property
    def containers(self) -> list[str]:
        return [container.name for container in (self._state / "containers").iterdir()]

    def add_container(self, name: str) -> None:
        (self._state / "containers" / name).mkdir()

    def fail(self, verb: str, text: str, *, code: int = 1) -> None:
        """Have each call of *verb* fail from now on."""
        self._set_fault(verb, {"hangs": False, "text": text, "code": code})

    def hang(self, verb: str) -> None:
        """Have no call of *verb* return from now on."""
        self._set_fault(verb, {"hangs": True})

    def mend(self, verb: str) -> None:
        """Have *verb* work again."""
        self._set_fault(verb, {})

    def let_containers_exit_at_once(self) -> None:
        (self._state / "exits-at-once").touch()

    def _set_fault(self, verb: str, fault: dict[str, object]) -> None:
        faults = json.loads((self._state / "faults").read_text())
        made = self._state / "faults.new"  # a call may be reading the other one
        made.write_text(json.dumps({**faults, verb: fault}))
        made.rename(self._state / "faults")
