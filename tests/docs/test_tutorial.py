"""The tutorial, typed as it is written: by a user who has a home with nothing in it, Python, git and cictl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.pages import Command, File, shows, steps
from cictl_testing.readers import Reader

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_command_prints_what_the_page_shows(reader: Reader) -> None:
    reader.follow(PAGE)


def test_nobody_has_to_reload_anything() -> None:
    assert "reload" not in PAGE.casefold()


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        (["a  took 1.5s", "b"], True),
        (["a took 3m05s", "…"], True),
        (["…", "a took 2s", "b", "…"], True),
        (["a took 2s"], False),
        (["…", "b took 2s", "b"], False),
        (["a took ages", "b"], False),
    ],
)
def test_what_is_shown_is_compared_but_for_what_differs_each_time(shown: list[str], fits: bool) -> None:
    assert shows(shown, ["a    took 12s", "b"]) == fits


def test_a_page_is_files_and_commands() -> None:
    page = "Write `a.py`:\n\n```python\n1\n```\n\n```console\n$ cat a.py\n1\n$ ls\n```\nFor example:\n\n```yaml\na: 1\n```\n"
    assert list(steps(page)) == [File("a.py", "1\n"), Command("cat a.py", ["1"]), Command("ls")]
