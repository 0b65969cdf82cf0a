"""Commands in the pages that lead: each is one that cictl has, with options that it has. Those of the tutorial are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cictl.cli.app.main import main

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("coming-from", "concepts", "limits", "local", "recipes", "triggers", "troubleshooting")
    ),
)


def commands(page: str) -> list[str]:
    """Return what a page has a reader type: in backquotes, in blocks, behind `$ `."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:console|sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    found = re.findall(r"`(cictl [^`]+)`", text) + re.findall(r"^(?:\$ )?(cictl .+)$", blocks, re.MULTILINE)
    return sorted({re.split(r" [#;|&>] ?|; ", command)[0].strip() for command in found})


@pytest.mark.parametrize("page", PAGES)
def test_each_command_is_one_that_cictl_has(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = commands(page)
    assert found
    for command in found:
        words = [word for word in shlex.split(command)[1:] if word != "…"]
        last = [["--help"], ["1", "--help"]]  # the value of an option that stands at the end
        assert any(main([*words, *more]) == 0 for more in last), f"{command}: {capsys.readouterr().err}"
