"""Asking a program something: short questions with a time limit, apart from a job's own commands."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cictl_agent.system.process_groups import Groups

_MOST_OUTPUT = 1 << 16


class Answer(NamedTuple):
    """A program's exit code, -1 when it could not be run or took too long, and the start of both its outputs."""

    code: int
    output: str


def ask(command: Sequence[str], *, limit_seconds: float, environment: Mapping[str, str], groups: Groups) -> Answer:
    """Run a command without input, and return its answer; after *limit_seconds* its group is killed.

    Its output goes to a file: on a pipe, a process it leaves behind could hold us longer than the time limit.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                **groups.aside(),
            )
        except OSError as error:
            return Answer(-1, error.strerror or str(error))
        try:
            code = process.wait(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            groups.kill(process.pid)
            process.kill()
            process.wait()
            return Answer(-1, f"no answer within {limit_seconds:g} s")
        output.seek(0)
        return Answer(code, output.read(_MOST_OUTPUT).decode(errors="replace"))
