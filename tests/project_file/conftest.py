"""Files with a mark at the place where a finding is expected."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

MARK = "§"


@pytest.fixture(scope="session")
def teapot() -> str:
    """A file that uses every key."""
    return (Path(__file__).parent / "teapot.yaml").read_text(encoding="utf-8")


def _find_marks(text: str) -> tuple[str, list[tuple[int, int]]]:
    positions = []
    while MARK in text:
        before, after = text.split(MARK, 1)
        lines = before.split("\n")
        positions.append((len(lines), len(lines[-1]) + 1))
        text = before + after
    return text, positions


@pytest.fixture(scope="session")
def find_marks() -> Callable[[str], tuple[str, list[tuple[int, int]]]]:
    """Take the marks out of a text; returns it without them, and the line and column where each stood."""
    return _find_marks


_LEVELS = {
    "file": "{}",
    "pipeline": "version: 1\nproject: {{name: orchard}}\npipelines:\n{}\n",
    "job": "version: 1\nproject: {{name: orchard}}\npipelines:\n  - id: p\n    jobs:\n{}\n",
    "step": (
        "version: 1\nproject: {{name: orchard}}\npipelines:\n  - id: p\n    jobs:\n      - id: j\n        steps:\n{}\n"
    ),
}
_INDENT = {"file": 0, "pipeline": 2, "job": 6, "step": 10}


@pytest.fixture(scope="session")
def wrap() -> Callable[[str, str], str]:
    """Put list items of a level (pipeline, job, step) into a file that is good apart from them."""

    def wrapped(level: str, body: str) -> str:
        return _LEVELS[level].format(indent(dedent(body).strip("\n"), " " * _INDENT[level]))

    return wrapped
