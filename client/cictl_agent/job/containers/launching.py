"""Starting a container for a job: its image, its marker, the engine's call, and its last words if it does not stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cictl_agent.job.containers.engine import ANSWER_SECONDS, Engine, reason
from cictl_agent.job.containers.leftovers import REMOVE_SECONDS, Leftovers
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import CommandResult
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import Processes

_NAME_TAKEN = "is already in use"
"""What docker and podman say of a container's name."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A container that is to be started.

    Attributes:
        title: What people call it, such as `runtime container "x"`.
        marker: What is in front of what the log tells of it, in brackets.
        options: Of `run`, without the name.
        command: What it runs; empty for what the image says.
        variables: Lines `NAME=value` for it, if `options` read them from the input.
    """

    name: str
    title: str
    marker: str
    image: str
    options: Sequence[str]
    command: Sequence[str] = ()
    variables: IO[bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """Starts the containers of one job.

    Attributes:
        directory: Where the engine's client runs.
        up_seconds: How long the engine may take to start a container whose image is there.
    """

    engine: Engine
    leftovers: Leftovers
    directory: Path
    up_seconds: float
    log: JobLog
    interruption: Interruption
    processes: Processes

    def provide_image(self, launch: Launch) -> None:
        """Pull the image, unless it is there. That has no time limit but the job's own.

        Raises:
            JobFailed: It can't be had.
            Interrupted: The job was stopped.
        """
        if launch.image.startswith("-"):
            raise _failed(launch, "the image looks like an option")
        if self.engine.ask("image", "inspect", launch.image, limit_seconds=ANSWER_SECONDS).code == 0:
            return
        self.log.line(f"[{launch.marker}] pulling {launch.image}")
        pulled = self.run(["pull", launch.image], log=self.log)
        if pulled.code:
            raise _failed(launch, reason(pulled))

    def start(self, launch: Launch) -> None:
        """Start a container whose image is there, and see that it stays.

        Raises:
            JobFailed: It does not start.
            Interrupted: The job was stopped.
        """
        self.leftovers.mark(launch.name, self.engine)
        started = self._start(launch)
        if started.code and _NAME_TAKEN in started.output:  # by a container that nobody removed
            self.engine.ask("rm", "-f", "-v", launch.name, limit_seconds=REMOVE_SECONDS)
            started = self._start(launch)
        if started.code:
            raise _failed(launch, reason(started))
        self.check(launch)

    def check(self, launch: Launch) -> None:
        """See that a container still runs.

        Raises:
            JobFailed: It does not; its last words are in the log.
        """
        seen = self.engine.ask("inspect", "-f", "{{.State.Running}}", launch.name, limit_seconds=ANSWER_SECONDS)
        if seen.code:
            raise JobFailed(f"{launch.title} is not inspectable: {reason(seen)}")
        if seen.output.strip() != "true":
            self.show_last_words(launch)
            raise JobFailed(f"{launch.title} is not running")

    def show_last_words(self, launch: Launch) -> None:
        """Show the end of a container's own log in that of the job."""
        said = self.engine.ask("logs", "--tail", "20", launch.name, limit_seconds=ANSWER_SECONDS)
        for line in said.output.splitlines():
            self.log.line(f"[{launch.marker}] {line}")

    def run(
        self,
        arguments: Sequence[str],
        *,
        log: JobLog | None = None,
        limit_seconds: float | None = None,
        script: IO[bytes] | None = None,
    ) -> CommandResult:
        """Run a command of the engine until the job is stopped; the log receives its output, too."""
        return self.engine.run(
            arguments,
            directory=self.directory,
            interruption=self.interruption,
            processes=self.processes,
            log=log,
            limit_seconds=limit_seconds,
            script=script,
        )

    def _start(self, launch: Launch) -> CommandResult:
        arguments = ["run", "-d", "--name", launch.name, *launch.options, launch.image, *launch.command]
        return self.run(arguments, limit_seconds=self.up_seconds, script=launch.variables)


def _failed(launch: Launch, why: str) -> JobFailed:
    return JobFailed(f'start {launch.title} from "{launch.image}": {why}')
