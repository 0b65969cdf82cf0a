"""Whose files are in what a container mounts: its user's while the steps run, and the agent's again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cictl_agent.job.containers.engine import Engine, reason
from cictl_agent.system.commands import CommandResult

_SECONDS = 60.0
_ROOT = "0:0"


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """What must be done so that both the steps and the agent can write.

    Attributes:
        user: Who the job's steps run as, in the engine's form; empty for the agent's own user.
        agent: The agent's user and group as they are inside; empty where a system has none.
        paths: What is mounted, as it is called inside.
    """

    engine: Engine
    name: str
    user: str
    agent: str
    paths: Sequence[str]

    def hand_over(self, run: Callable[[Sequence[str]], CommandResult]) -> str:
        """Let the steps' user have the files; return what went wrong, empty if nothing did.

        Args:
            run: Runs a command of the engine that may take long.
        """
        if not self._is_another or _is_root(self.user):  # root writes anywhere
            return ""
        return _problem(run(self._chown(self.user)))

    def take_back(self) -> str:
        """Give the files back to the agent, which could not delete them otherwise; return what went wrong."""
        if not self._is_another or (_is_root(self.agent) and not self.engine.is_rootless):
            return ""
        self.engine.ask("start", self.name, limit_seconds=_SECONDS)  # a stopped job's container was killed
        return _problem(self.engine.ask(*self._chown(self.agent), limit_seconds=_SECONDS))

    @property
    def _is_another(self) -> bool:
        return bool(self.user and self.agent) and _id(self.user) != _id(self.agent)

    def _chown(self, owner: str) -> list[str]:
        return ["exec", "--user", _ROOT, self.name, "chown", "-R", "-h", owner, *self.paths]


def _id(user: str) -> str:
    name = user.partition(":")[0]
    return "0" if name == "root" else name


def _is_root(user: str) -> bool:
    return _id(user) == "0"


def _problem(ended: CommandResult) -> str:
    return reason(ended) if ended.code else ""
