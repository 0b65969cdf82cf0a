"""Containers that must be removed, also when the agent is killed or the engine fails. Starting them is left to `container`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cictl_agent.job.containers.choice import EngineChoice
from cictl_agent.job.containers.engine import Engine, reason
from cictl_agent.job.environment import inherited_environment
from cictl_agent.job.failures import JobFailed

REMOVE_SECONDS = 30.0


class Leftovers:
    """The markers of one agent: a file for each of its containers, which has the container's name and holds the engine's path."""

    def __init__(self, directory: Path, choice: EngineChoice) -> None:
        self._directory = directory
        self._choice = choice
        self._late: set[str] = set()

    def mark(self, name: str, engine: Engine) -> None:
        """Leave a marker. It is written before the container is started, so that no container is ever without one."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / name).write_text(engine.path)

    def remove(self, engine: Engine, name: str) -> str:
        """Remove a container and all that runs inside; return what went wrong, empty if it is gone.

        What can't be removed is tried again by `remove_late`.
        """
        marker = self._directory / name
        if not marker.exists():
            return ""
        removed = engine.ask("rm", "-f", "-v", name, limit_seconds=REMOVE_SECONDS)
        if removed.code and not re.search("no such container", removed.output, re.IGNORECASE):
            self._late.add(name)
            return reason(removed)
        self._late.discard(name)
        marker.unlink(missing_ok=True)
        return ""

    def remove_all(self) -> None:
        """Remove what a killed agent left in this work directory. No job may run yet."""
        if self._directory.is_dir():
            self._late |= {marker.name for marker in self._directory.iterdir()}
            self.remove_late()

    def remove_late(self) -> None:
        """Try once more to remove what could not be removed before."""
        environment = inherited_environment(os.environ)
        # Services before the container whose network they share, whose name begins theirs: podman would not remove it before.
        for name in sorted(self._late, reverse=True):
            if engine := self._engine_of(name, environment):
                self.remove(engine, name)

    def _engine_of(self, name: str, environment: dict[str, str]) -> Engine | None:
        """Return the engine that has the container; None if none answers. Agents of former versions left empty markers."""
        try:
            path = (self._directory / name).read_text()
            chosen = self._choice.choose(environment) if not path else None
        except (OSError, JobFailed):
            return None
        return chosen or Engine(path=path, environment=environment, groups=self._choice.groups)
