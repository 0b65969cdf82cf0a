"""Commands in the pages: each is one that cictl has, with options that it has."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

from cictl.cli.app.main import main

ROOT = Path(__file__).parents[2]
GENERATED_OR_RUN = ("api.md", "cli.md", "client.md", "tutorial.md")
PAGES = (
    "README.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name not in GENERATED_OR_RUN),
)


def commands(page: str) -> list[str]:
    """Return what a page has a reader type: in backquotes, in blocks, behind `$ `."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:console|sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    found = re.findall(r"`(cictl [^`]+)`", text) + re.findall(r"^(?:\$ )?(cictl .+)$", blocks, re.MULTILINE)
    return sorted({one for command in found for one in spelt_out(re.split(r" [#;|&>] ?|; ", command)[0].strip())})


def spelt_out(command: str) -> list[str]:
    """Return the commands that one stands for: `runs approve|reject RUN` is two."""
    return [" ".join(words) for words in itertools.product(*(word.split("|") for word in command.split(" ")))]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_is_one_that_cictl_has(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = commands(page)
    for command in found:
        words = [word for word in shlex.split(command)[1:] if word != "…"]
        last = [["--help"], ["1", "--help"]]  # the value of an option that stands at the end
        assert any(main([*words, *more]) == 0 for more in last), f"{command}: {capsys.readouterr().err}"


def test_there_are_commands_to_look_at() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 200
    assert spelt_out("cictl runs approve|reject 41") == ["cictl runs approve 41", "cictl runs reject 41"]
