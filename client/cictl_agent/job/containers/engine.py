"""The command line of a container engine: docker, or podman, which takes the same commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import CommandResult, CommandTimedOut, Exit, ask, run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.process_groups import JobGroups
from cictl_agent.system.processes import Processes

ANSWER_SECONDS = 60.0
"""How long an engine may take to answer a short question. It takes seconds on a busy machine; this ends what hangs."""
_HELPERS = frozenset({"conmon", "pasta", "pasta.avx2", "rootlessport", "slirp4netns"})
"""The programs that podman leaves behind for each container, and that end with it."""
_CLEANUP = ("container", "cleanup")
"""What `conmon` calls podman with when a container has ended, also after it was removed."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One engine on this machine.

    Attributes:
        is_rootless: Whether it runs as a user who is not root, so that root inside a container is that user outside.
        environment: The environment of the engine's client. It must hold nothing of a job: `DOCKER_HOST` or `LD_PRELOAD`
            would act outside the container.
    """

    path: str
    environment: Mapping[str, str]
    groups: JobGroups
    is_podman: bool = False
    is_rootless: bool = False

    @property
    def kind(self) -> str:
        return "podman" if self.is_podman else Path(self.path).stem.lower()

    def ask(self, *arguments: str, limit_seconds: float) -> CommandResult:
        """Run a short command of the engine, also when the job was stopped."""
        return ask(
            [self.path, *arguments],
            limit_seconds=limit_seconds,
            environment=self.environment,
            groups=self.groups,
        )

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        interruption: Interruption,
        processes: Processes,
        log: JobLog | None = None,
        limit_seconds: float | None = None,
        script: IO[bytes] | None = None,
    ) -> CommandResult:
        """Run a command of the engine that may take long, and stop it when the job is stopped.

        Args:
            log: Receives the output, too.
            script: What the command reads as its input; without it the input is empty.

        Raises:
            Interrupted: The job was stopped.
        """
        output = bytearray()

        def sink(data: bytes) -> None:
            output.extend(data)
            if log:
                log.write(data)

        try:
            ended: Exit = run_command(
                [self.path, *arguments],
                directory=directory,
                environment=self.environment,
                sink=sink,
                interruption=interruption,
                processes=processes,
                limit_seconds=limit_seconds,
                script=script,
            )
        except CommandTimedOut as error:
            return CommandResult(-1, str(error))
        return CommandResult(ended.code, output.decode(errors="replace"))


def is_helper(name: str, arguments: Sequence[str]) -> bool:
    """Tell whether a process was left by the engine itself, by its program's name and its command line."""
    return name in _HELPERS or (name == "podman" and _CLEANUP in pairwise(arguments))


def reason(answer: CommandResult) -> str:
    """Return the line of an engine's output that names the error: the last may be advice, and podman logs what it tries again."""
    stripped = [line.strip() for line in answer.output.splitlines() if line.strip()]
    lines = [line for line in stripped if not line.startswith('time="')] or stripped
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines[-1:] or [f"exit status {answer.code}"])[0]
