"""Pages of the documentation as scripts: the files that they have you write, and the commands that they have you type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LAST_NAME = re.compile(r"`([^`\s]+)`[^`.]*:\s*\Z")


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader writes, by its name."""

    name: str
    text: str


@dataclass(slots=True)
class Command:
    """A command that the reader types, with the lines that the page shows below it."""

    text: str
    shown: list[str] = field(default_factory=list)


def steps(page: str) -> Iterator[File | Command]:
    """Yield what a reader of *page* does, in order.

    A block of `console` has commands behind `$ `. Any other block is a file, if the last sentence before it has its name and ends in a colon.
    """
    for block in _FENCE.finditer(page):
        if block[1] == "console":
            yield from _commands(block[2])
        elif name := _LAST_NAME.search(page[: block.start()]):
            yield File(name[1], block[2])


def _commands(block: str) -> Iterator[Command]:
    command: Command | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(line[2:])
        elif command:
            command.shown.append(line)
    if command:
        yield command


_VARYING = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "INSTANT"),
    (r"\b(\d+m)?\d+(\.\d+)?s\b", "SECONDS"),
    (r"\b\d+(\.\d+)? [KM]iB\b", "SIZE"),
    (r"\bjob-\d+\b", "JOB"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"env-[0-9a-f]{16}\b", "ENVIRONMENT"),
    (r"^cictl \S+ serves", "cictl VERSION serves"),
    (r"\bagent-[\w.-]+", "AGENT"),
    (r" +", " "),
)
"""What differs from one time to the next, and the word that stands for it when texts are compared."""


def plain(line: str) -> str:
    """Return *line* without what differs each time: instants, durations, sizes, ids, the width of columns."""
    for pattern, word in _VARYING:
        line = re.sub(pattern, word, line)
    return line.strip()


def shows(shown: list[str], printed: list[str]) -> bool:
    """Tell whether *printed* is what a page shows, where `…` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*" if line == "…" else f"{re.escape(plain(line))}\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{plain(line)}\n" for line in printed)) is not None
