"""Where the scripts of steps run: in a shell on this machine, or in one inside a container.

A script that is too long for a command line is read from a file without a name: nobody else can open that, and it ends
with us. The environment of a script in a container goes the same way: command lines can be seen by everyone on the machine,
and variables of the engine's client would act on the client.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from cictl_agent.commands import Exit, run_command
from cictl_agent.containers import Container
from cictl_agent.context import JobContext

_LONGEST_ARGUMENT = (1 << 17) - 1
"""Linux takes no longer one: MAX_ARG_STRLEN, 32 pages of 4 KiB, with the NUL at its end."""
_FROM_INPUT = 'eval "$(cat)" < /dev/null'
"""Runs its input as the script; the script itself has no input, as ever."""
_SET_FROM_INPUT = 'eval "$(cat)"; exec < /dev/null; '
"""Stands before a script whose variables come as input."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_ONLY = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"})
"""Variables that shells refuse to set."""


class Shell(Protocol):
    """Runs scripts one after the other."""

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        """Run a script with *extra* in its environment, its output in the job's log.

        Raises:
            Interrupted: The job was to stop.
            ValueError: There is a NUL in the script or the environment.
        """


class LocalShell:
    """`sh` in the execution directory."""

    def __init__(self, context: JobContext, environment: Mapping[str, str]) -> None:
        self._context = context
        self._environment = environment

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        if len(script.encode()) <= _LONGEST_ARGUMENT:
            return self._run(script, extra, None)
        with _staged(script, self._context.config.spool_dir) as file:
            return self._run(_FROM_INPUT, extra, file)

    def _run(self, script: str, extra: Mapping[str, str], file: IO[bytes] | None) -> Exit:
        context = self._context
        return run_command(
            ["sh", "-c", script],
            directory=context.directory,
            environment={**self._environment, **extra},
            sink=context.log.write,
            interruption=context.interruption,
            processes=context.processes,
            script=file,
        )


class ContainerShell:
    """`sh -l` in the job's container."""

    def __init__(self, context: JobContext, container: Container, environment: Mapping[str, str]) -> None:
        self._context = context
        self._container = container
        self._environment = environment

    def run(self, script: str, extra: Mapping[str, str]) -> Exit:
        context, container = self._context, self._container
        variables = {**self._environment, **extra}
        exported = {name: value for name, value in variables.items() if _is_exportable(name)}
        others = {name: value for name, value in variables.items() if name not in exported}
        options = [option for name in others for option in ("--env", name)]
        is_long = len(script.encode()) + len(_SET_FROM_INPUT) > _LONGEST_ARGUMENT
        text = _exports(exported) + (script if is_long else "")
        with _staged(text, context.config.spool_dir) as file:
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
                    _FROM_INPUT if is_long else _SET_FROM_INPUT + script,
                ],
                directory=context.workspace,
                environment={**container.engine.environment, **others},
                sink=context.log.write,
                interruption=context.interruption,
                processes=context.processes,
                script=file,
                on_stop=container.kill,
            )


@contextmanager
def _staged(script: str, directory: Path) -> Iterator[IO[bytes]]:
    """Put a script into a file that has no name; only this user can read it."""
    if "\0" in script:
        raise ValueError("embedded null byte")
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(script.encode())
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file


def _is_exportable(name: str) -> bool:
    """Whether a shell can set the variable; what it can't is none that an engine's client looks at."""
    return _NAME.fullmatch(name) is not None and name not in _READ_ONLY


def _exports(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
