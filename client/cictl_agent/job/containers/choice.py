"""Which engine the containers of an agent run in: the first that answers, not the first whose program is there."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.typed_json import read_json_as
from cictl.wire.jobs import Cause
from cictl_agent.job.containers.engine import Engine, reason
from cictl_agent.job.failures import JobFailed
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.process_groups import JobGroups

logger = logging.getLogger(__name__)

CAPABILITY = "container_engine"
SETTING = "CICTL_CONTAINER_ENGINE"

_ENGINES = ("docker", "podman")
_ANSWER_SECONDS = 30.0


class EngineChoice:
    """The choice of one agent. It is made when it is first needed, and remembered until a container does not start."""

    def __init__(self, wanted: str, groups: JobGroups, *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        """Prepare; no engine is asked yet.

        Args:
            wanted: Name or path of the only engine to use; empty for docker, else podman.
            answer_seconds: How long each engine may take to answer.
        """
        self._wanted = wanted
        self.groups = groups
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._chosen: Engine | None = None

    @property
    def capability(self) -> dict[str, str]:
        """What an agent tells of the engine that was chosen; empty while none is."""
        chosen = self._chosen
        return {CAPABILITY: chosen.kind} if chosen else {}

    def choose(self, environment: Mapping[str, str]) -> Engine:
        """Return the engine, for a client with this environment; ask for it if none is chosen.

        Raises:
            JobFailed: None answers. The text names each that was tried, and the setting.
        """
        with self._lock:
            if self._chosen is None:
                self._chosen = self._first_that_answers(environment)
                logger.info("containers run in %s (%s)", self._chosen.kind, self._chosen.path)
            return replace(self._chosen, environment=environment)

    def forget(self) -> None:
        """Ask again when an engine is needed next: the chosen one may have gone."""
        self._chosen = None

    def _first_that_answers(self, environment: Mapping[str, str]) -> Engine:
        tried = []
        for name in (self._wanted,) if self._wanted else _ENGINES:
            path = shutil.which(name, path=environment.get("PATH"))
            if path is None:
                continue
            engine = Engine(path=path, environment=environment, groups=self.groups)
            answer = engine.ask("info", "--format", "{{json .}}", limit_seconds=self._answer_seconds)
            told = _read(answer)
            if not (problem := _problem(answer, told)):
                return replace(engine, is_podman=told.is_podman, is_rootless=told.is_rootless)
            tried.append(f"{path}: {problem}")
        raise JobFailed(self._refusal(tried), cause=Cause.START_FAILED)

    def _refusal(self, tried: list[str]) -> str:
        if self._wanted:
            what = (
                f"container engine does not answer on agent ({tried[0]})"
                if tried
                else f"{self._wanted} not found on agent"
            )
            return f"{what}; {SETTING} names it"
        if not tried:
            return f"docker not found on agent, nor podman; install one, or name an engine's command in {SETTING}"
        return (
            f"no container engine answers on agent ({'; '.join(tried)}); "
            f"start one, or name the command of one that does in {SETTING}"
        )


class _Security(msgspec.Struct):
    rootless: bool = False


class _Host(msgspec.Struct):
    security: _Security = msgspec.field(default_factory=_Security)


class _Told(msgspec.Struct):
    """What `info` tells of an engine: podman has a `host`, docker the rest."""

    host: _Host | None = None
    options: list[str] | None = msgspec.field(name="SecurityOptions", default=None)
    errors: list[str] | None = msgspec.field(name="ServerErrors", default=None)

    @property
    def is_podman(self) -> bool:
        return self.host is not None

    @property
    def is_rootless(self) -> bool:
        return self.host.security.rootless if self.host else "name=rootless" in (self.options or [])


def _read(answer: CommandResult) -> _Told:
    """Read an engine's answer. Warnings may stand around it; one that can't be read is that of an engine like docker."""
    start, end = answer.output.find("{"), answer.output.rfind("}") + 1
    try:
        return read_json_as(answer.output[start:end], _Told)
    except NOT_OF_TYPE:
        return _Told()


def _problem(answer: CommandResult, told: _Told) -> str:
    # An old docker's client ends with 0 also when it does not reach its daemon.
    if told.errors:
        return told.errors[0]
    return reason(answer) if answer.code else ""
