"""Where the scripts of steps run: in a shell on this machine, or in one inside a container.

The environment of a script in a container comes as its input, from a file without a name. On a command line everyone on
the machine could read it, and in the environment of the engine's client it would act on the client.
"""

from __future__ import annotations

import os
import posixpath
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from cictl_agent.job.containers.container import Container
from cictl_agent.job.failures import CannotStart
from cictl_agent.log.spool import JobLog
from cictl_agent.system.commands import Exit, run_command
from cictl_agent.system.interpreters import BASH, FROM_INPUT, LONGEST_ARGUMENT, SH, staged
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

AnyShell = TypeVar("AnyShell")

IN_CONTAINERS = {"posix": SH, "bash": BASH}
"""The shells of images. Which of them an image has only a step can tell."""

_MARK = "CICTL_STEP_MARK"
"""Set in a container for a step with a time limit, to a value of this step alone: the engine's client can't stop what it
started, so all processes with the variable are killed."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_ONLY = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"})
"""Variables that a shell refuses to set."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a shell is to run.

    Attributes:
        text: In the language of the shell.
        variables: Added to the environment of the job; they win.
        paths: Folders that go before those of `PATH`, the first before the others.
        directory: Path below the checkout, with slashes; empty for the checkout itself.
        shell: The shell's name; empty for that of the job.
        limit_seconds: How long it may run; None for as long as the job may.
    """

    text: str
    variables: Mapping[str, str]
    paths: Sequence[str] = ()
    directory: str = ""
    shell: str = ""
    limit_seconds: float | None = None


class Shell(Protocol):
    """Runs the scripts of a job, one after the other."""

    @property
    def is_traced(self) -> bool:
        """Whether the shell prints each command."""

    def run(self, script: Script) -> Exit:
        """Run a script; its output goes to the job's log.

        Raises:
            CommandTimedOut: It took too long, and its processes are gone, but for those that left it.
            Interrupted: The job was stopped.
            CannotStart: There is no such shell here.
            ValueError: The script or the environment holds a NUL.
        """


@dataclass(frozen=True, kw_only=True)
class _JobShell:
    """What a shell knows of its job; `directory` is where the command of a script is started."""

    environment: Mapping[str, str]
    name: str
    directory: Path
    scratch_dir: Path
    is_traced: bool
    log: JobLog
    interruption: Interruption
    processes: Processes


@dataclass(frozen=True, kw_only=True)
class LocalShell(_JobShell):
    """A shell of this machine, in the execution directory; `name` is that of the job's own."""

    platform: Platform

    def run(self, script: Script) -> Exit:
        interpreter = chosen_shell(script.shell or self.name, self.platform.interpreters)
        with interpreter.invocation(script.text, is_traced=self.is_traced, scratch_dir=self.scratch_dir) as invocation:
            return run_command(
                invocation.arguments,
                directory=self.directory / script.directory,
                environment=self._variables(script),
                sink=self.log.write,
                interruption=self.interruption,
                processes=self.processes,
                limit_seconds=script.limit_seconds,
                script=invocation.script,
            )

    def _variables(self, script: Script) -> dict[str, str]:
        variables = self.platform.merge(self.environment, script.variables)
        if not script.paths:
            return variables
        path = next((value for name, value in variables.items() if name.upper() == "PATH"), os.defpath)
        return self.platform.merge(variables, {"PATH": os.pathsep.join((*script.paths, path))})


@dataclass(frozen=True, kw_only=True)
class ContainerShell(_JobShell):
    """`sh -l` or `bash -l` in the job's container; `directory` is where the engine's client runs, outside the container."""

    container: Container

    def run(self, script: Script) -> Exit:
        container, shell = self.container, chosen_shell(script.shell or self.name, IN_CONTAINERS)
        text = shell.prefix(is_traced=self.is_traced) + script.text
        variables = {**_trusting_git(container.spec.directory), **self.environment, **script.variables}
        exported = {name: value for name, value in variables.items() if _is_exportable(name)}
        others = {name: value for name, value in variables.items() if name not in exported}
        mark = secrets.token_hex(8)
        if script.limit_seconds:
            others[_MARK] = mark
        options = [option for name in others for option in ("--env", name)]
        is_long = len(text.encode()) + len(_SET_FROM_INPUT) > LONGEST_ARGUMENT
        with staged(_exports(exported, script.paths) + (text if is_long else ""), self.scratch_dir) as file:
            return run_command(
                [
                    container.engine.path,
                    "exec",
                    "-i",
                    "-w",
                    posixpath.normpath(posixpath.join(container.spec.directory, script.directory)),
                    *options,
                    container.name,
                    shell.program,
                    "-lc",
                    _PREFIX + FROM_INPUT if is_long else _SET_FROM_INPUT + text,
                ],
                directory=self.directory,
                environment={**container.engine.environment, **others},
                sink=self.log.write,
                interruption=self.interruption,
                processes=self.processes,
                limit_seconds=script.limit_seconds,
                script=file,
                on_stop=container.kill,
                on_late=lambda: container.kill_marked(_MARK, mark),
            )


def chosen_shell(name: str, there: Mapping[str, AnyShell]) -> AnyShell:
    """Return the shell of this name.

    Raises:
        CannotStart: It is not *there*.
    """
    if name not in there:
        raise CannotStart(f'unsupported shell "{name}"; there is {", ".join(there)}')
    return there[name]


def _trusting_git(directory: str) -> dict[str, str]:
    """Return variables that let git work in a repository whose files may belong to another user than the steps' own."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": directory}


def _is_exportable(name: str) -> bool:
    """Tell whether a shell can set the variable. The engine's client looks at none of those that it can't set."""
    return _NAME.fullmatch(name) is not None and name not in _READ_ONLY


def _exports(variables: Mapping[str, str], paths: Sequence[str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    if paths:  # what they go before only the container knows
        lines.append(f'export PATH={shlex.quote(":".join(paths))}:"$PATH"\n')
    return "".join(lines)
