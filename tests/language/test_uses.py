"""How much of known workflows can be said, counted by feature; the page for those who come from another CI tells the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "coming-from.md"
ASKED_FOR = ("click", "sqlite-utils", "cjson", "commander", "requests", "apscheduler", "httpx", "woodpecker")

Use = dict[str, str]


class _Texts(yaml.SafeLoader):
    """Reads scalars as texts, so that `on` stays `on`."""


_Texts.yaml_implicit_resolvers = {}


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Texts)


USES: dict[str, list[Use]] = load(HERE / "uses.yaml")


def find(name: str) -> Any:
    """Return the file of a project with what it includes."""
    whole = load(HERE / "projects" / name / "cictl.yaml")
    for included in whole.get("include", []):
        whole["pipelines"] += load(HERE / "projects" / name / included["file"])["pipelines"]
    return whole


def leads_somewhere(node: Any, path: str) -> bool:
    """Tell whether *path* leads to something: by keys, and in lists by places, ids or names."""
    for step, inside in ways(node):
        if path == step:
            return True
        if path.startswith(f"{step}."):
            return leads_somewhere(inside, path.removeprefix(f"{step}."))
    return False


def ways(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield each next step of a path with what it leads to."""
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        for place, item in enumerate(node):
            yield str(place), item
            if isinstance(item, dict):
                yield from ((item[key], item) for key in ("id", "name") if key in item)


def section(title: str) -> dict[str, str]:
    """Return the last column of the table below a heading of the page, by the first."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    return {row[0]: row[-1] for row in rows[2:]}


SAID, CLUMSY, NOT = map(section, ("What can be said", "What takes commands of your own", "What can't be said"))


@pytest.mark.parametrize("name", USES)
def test_what_is_said_stands_in_the_file(name: str) -> None:
    whole = find(name)
    for use in USES[name]:
        if path := use.get("said") or use.get("clumsily"):
            assert leads_somewhere(whole, path), path


@pytest.mark.parametrize("name", USES)
def test_the_page_tells_the_key_that_says_it(name: str) -> None:
    for use in USES[name]:
        if path := use.get("said"):
            keys = {
                key for code in re.findall(r"`([^`]*)`", SAID[use["use"]]) for key in re.findall(r"[a-z_]{2,}", code)
            }
            assert keys & set(path.split(".")), f"{use['use']}: {path} has none of {sorted(keys)}"


def test_the_page_tells_why_the_rest_is_not_said() -> None:
    uses = [use for listed in USES.values() for use in listed]
    assert {use["use"] for use in uses if "clumsily" in use} == set(CLUMSY)
    assert {use["use"] for use in uses if "not" in use} == set(NOT)


def test_most_can_be_said_plainly() -> None:
    uses = [use for name in ASKED_FOR for use in USES[name]]
    assert len(uses) > 159
    assert sum("said" in use for use in uses) / len(uses) >= 0.88
