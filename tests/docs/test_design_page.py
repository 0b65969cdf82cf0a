"""The section "Where do I add …" of the design page: every file it names is there, with every name it says is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design.md").read_text()
SECTION = PAGE.partition("\n## Where do I add …\n")[2].partition("\n## ")[0]
ROOTS = ("cictl/", "server/", "client/", "docs/", "install/", "tests/")
NAMED = re.compile(r"`([\w./-]+/[\w./-]*)`(?:[^`(\n]*\(((?:`[^`]+`(?:, )?)+)\))?")
KINDS = (
    "A key of a job",
    "A route",
    "A page",
    "An action on a page",
    "An agent action",
    "A command",
    "A report format",
    "An error",
)


def named() -> list[tuple[str, tuple[str, ...]]]:
    return [
        (path, tuple(re.findall(r"`([^`]+)`", names)))
        for path, names in NAMED.findall(SECTION)
        if path.startswith(ROOTS)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_list(kind: str) -> None:
    assert re.search(rf"^\*\*{kind}\b.*\*\*.*:\n\n- `", SECTION, re.MULTILINE)


@pytest.mark.parametrize(("path", "names"), named(), ids=lambda value: str(value))
def test_what_a_list_names_is_there(path: str, names: tuple[str, ...]) -> None:
    place = ROOT / path
    assert place.exists()
    text = place.read_text() if place.is_file() else ""
    assert [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)] == []


WRITTEN_FOR_OTHERS = {
    "cictl/cli/commands/here/local/demo_project.py",
    "cictl/cli/convert/gitlab/pipeline.py",
    *(f"cictl/cli/starter/{name}.py" for name in ("compiled", "node", "python")),
}
"""Files with whole project files in them."""


# The twin of an example is where its list says, and nowhere else: so the list is whole.
@pytest.mark.parametrize(
    ("kind", "word", "users"),
    [
        pytest.param("A report format", "junit-xml", WRITTEN_FOR_OTHERS, id="report"),
        pytest.param(
            "An error", "GitMissing|GIT_MISSING", {"server/cictl_server/services/projects/git.py"}, id="error"
        ),
        pytest.param("An agent action", "WIPE_CACHE|wipe_cache|wipe-cache", set(), id="action"),
    ],
)
def test_a_list_is_whole(kind: str, word: str, users: set[str]) -> None:
    part = SECTION.partition(f"**{kind}")[2].partition("\n**")[0]
    listed = {path for path, _ in NAMED.findall(part)}
    found = {
        str(path.relative_to(ROOT))
        for folder in ("cictl", "client", "server")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(rf"(?<!\w)(?:{word})(?!\w)", path.read_text())
    }
    assert found - users - listed == set()


@pytest.mark.parametrize(("kind", "most"), [("A key of a job", 7), ("An agent action", 6), ("An error", 3)])
def test_a_list_is_short(kind: str, most: int) -> None:
    part = SECTION.partition(f"**{kind}")[2].partition("\n\n**")[0]
    obeyed = part.partition("- to show it too")[0].partition("\n\nA fact")[0]
    sources = [path for path, _ in NAMED.findall(obeyed) if path.endswith(".py") and not path.startswith("tests/")]
    assert 0 < len(sources) <= most


def test_every_room_of_the_server_is_in_the_picture() -> None:
    picture = PAGE.partition("## The server's rooms")[2].partition("\n## ")[0]
    rooms = {path.name for path in (ROOT / "server/cictl_server/services").iterdir() if (path / "__init__.py").exists()}
    assert {room for room in rooms if not re.search(rf"\b{room}\b", picture)} == set()
