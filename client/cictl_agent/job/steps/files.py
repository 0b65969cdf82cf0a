"""The files in which a step leaves something for what follows: `$CICTL_ENV`, `$CICTL_PATH` and `$CICTL_OUTPUT`.

Each step has files of its own, so what a step of another user has written need not be emptied for the next one. They lie in
one folder of the job, which a container mounts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cictl_agent.job.variables import ENV_FILE, OF_STEP, OUTPUT_FILE, PATH_FILE, all_names
from cictl_agent.system.beneath import open_beneath

MOST_BYTES = 1 << 20
"""The most that one of the files may hold."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LINE = re.compile(r"(?P<name>[^=<]+)(?P<sign>=|<<)(?P<rest>.*)", re.DOTALL)
_FORMS = "write NAME=value, or NAME<<END, lines, and END"


class BadStepFile(ValueError):
    """A step has left something that can't be read; the text names the variable, the line and the remedy."""


@dataclass(kw_only=True)
class StepFiles:
    """What the steps of a job have left so far.

    Attributes:
        directory: The folder with the files.
        environment: Variables of later steps.
        paths: Folders that go before those of `PATH` in later steps, the first before the others.
        outputs: Texts by the names of the job's outputs.
    """

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    def variables(self, index: int) -> dict[str, str]:
        """Return the variables that tell a step its files; none of them is there before the step writes it."""
        return {variable.name: str(self.directory / _name(variable.name, index)) for variable in OF_STEP}

    def take(self, index: int) -> None:
        """Take over what a step has left.

        Raises:
            BadStepFile: A file can't be read. What was read before it counts.
        """
        self.outputs |= self._entries(OUTPUT_FILE.name, index, names=_OUTPUT_NAME)
        environment = self._entries(ENV_FILE.name, index, names=_ENV_NAME)
        if kept := sorted(all_names() & environment.keys()):
            raise BadStepFile(f"${ENV_FILE.name}: {kept[0]} is the agent's to set")
        self.environment |= environment
        added = [line for line in self._read(PATH_FILE.name, index).splitlines() if line.strip()]
        self.paths = [*reversed(added), *self.paths]

    def _entries(self, variable: str, index: int, *, names: re.Pattern[str]) -> dict[str, str]:
        text = self._read(variable, index)
        try:
            return dict(_entries(text, names))
        except BadStepFile as error:
            raise BadStepFile(f"${variable}: {error}") from None

    def _read(self, variable: str, index: int) -> str:
        try:
            os.lstat(self.directory / _name(variable, index))  # mostly there is none, and a closer look costs much more
            descriptor = open_beneath(self.directory, _name(variable, index))
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise BadStepFile(f"${variable}: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BadStepFile(f"${variable}: more than {MOST_BYTES >> 20} MiB")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadStepFile(f"${variable}: it is not UTF-8") from None
        if "\0" in text:
            raise BadStepFile(f"${variable}: it has a NUL in it")
        return text


def _name(variable: str, index: int) -> str:
    return f"{index}-{variable.rpartition('_')[2].lower()}"


def _entries(text: str, names: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and values in *text*. A value of several lines stands between `NAME<<END` and a line `END`."""
    lines = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    for number, line in lines:
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if not match or not names.fullmatch(match["name"]):
            raise BadStepFile(f"line {number}: {_FORMS}")
        yield match["name"], match["rest"] if match["sign"] == "=" else _block(lines, match["rest"], number)


def _block(lines: Iterator[tuple[int, str]], end: str, begun: int) -> str:
    """Return the lines before *end*."""
    block: list[str] = []
    for _, line in lines:
        if line == end and end:
            return "\n".join(block)
        block.append(line)
    raise BadStepFile(f"line {begun}: no line {end!r} ends it")
