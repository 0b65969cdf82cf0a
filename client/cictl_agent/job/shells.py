"""Where the scripts of steps run: in a shell on this machine, or in one inside a container.

The environment of a script in a container comes as its input, from a file without a name. On a command line everyone on
the machine could read it, and in the environment of the engine's client it would act on the client.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cictl_agent.job.containers.container import Container
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import Exit, run_command
from cictl_agent.system.interpreters import FROM_INPUT, LONGEST_ARGUMENT, Interpreter, posix_prefix, staged
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import Processes

_ONE_OUTPUT = "exec 2>&1; "
"""Put before a script, because engines read its two outputs apart, and mix them in another order than they were written."""
_HOME = '[ -w "${HOME:-}" ] || export HOME=/tmp; '
"""Put before a script, because a user whom the image does not know has the home `/`, where only root can write."""
_PREFIX = _ONE_OUTPUT + _HOME
_SET_FROM_INPUT = _PREFIX + 'eval "$(cat)"; exec < /dev/null; '
"""Put before a script whose variables come as its input."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_ONLY = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"})
"""Variables that a shell refuses to set."""


class Shell(Protocol):
    """Runs the scripts of a job, one after the other."""

    @property
    def is_traced(self) -> bool:
        """Whether the shell prints each command."""

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        """Run a script with *extra* added to its environment; its output goes to the job's log.

        Raises:
            Interrupted: The job was stopped.
            ValueError: The script or the environment holds a NUL.
        """


@dataclass(frozen=True, kw_only=True)
class _JobShell:
    """What a shell knows of its job; `directory` is where the command of a script is started."""

    environment: Mapping[str, str]
    directory: Path
    scratch_dir: Path
    is_traced: bool
    log: JobLog
    interruption: Interruption
    processes: Processes


@dataclass(frozen=True, kw_only=True)
class LocalShell(_JobShell):
    """A shell of this machine, in the execution directory."""

    interpreter: Interpreter
    platform: Platform

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        with self.interpreter.invocation(script, is_traced=self.is_traced, scratch_dir=self.scratch_dir) as invocation:
            return run_command(
                invocation.arguments,
                directory=self.directory,
                environment=self.platform.merge(self.environment, extra),
                sink=self.log.write,
                interruption=self.interruption,
                processes=self.processes,
                script=invocation.script,
            )


@dataclass(frozen=True, kw_only=True)
class ContainerShell(_JobShell):
    """`sh -l` in the job's container; `directory` is where the engine's client runs, outside the container."""

    container: Container

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        container, script = self.container, posix_prefix(is_traced=self.is_traced) + script
        variables = {**_trusting_git(container.spec.directory), **self.environment, **extra}
        exported = {name: value for name, value in variables.items() if _is_exportable(name)}
        others = {name: value for name, value in variables.items() if name not in exported}
        options = [option for name in others for option in ("--env", name)]
        is_long = len(script.encode()) + len(_SET_FROM_INPUT) > LONGEST_ARGUMENT
        text = _exports(exported) + (script if is_long else "")
        with staged(text, self.scratch_dir) as file:
            return run_command(
                [
                    container.engine.path,
                    "exec",
                    "-i",
                    "-w",
                    container.spec.directory,
                    *options,
                    container.name,
                    "sh",
                    "-lc",
                    _PREFIX + FROM_INPUT if is_long else _SET_FROM_INPUT + script,
                ],
                directory=self.directory,
                environment={**container.engine.environment, **others},
                sink=self.log.write,
                interruption=self.interruption,
                processes=self.processes,
                script=file,
                on_stop=container.kill,
            )


def _trusting_git(directory: str) -> dict[str, str]:
    """Return variables that let git work in a repository whose files may belong to another user than the steps' own."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": directory}


def _is_exportable(name: str) -> bool:
    """Tell whether a shell can set the variable. The engine's client looks at none of those that it can't set."""
    return _NAME.fullmatch(name) is not None and name not in _READ_ONLY


def _exports(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
