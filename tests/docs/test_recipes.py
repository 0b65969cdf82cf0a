"""The recipes: each is a project file without findings, and the page's list names each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cictl.project_file import lint
from cictl.project_file.reading import read_warnings

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).*\n)*?```yaml\n((?:(?!```).*\n)*)```", PAGE, re.MULTILINE))
INCLUDED = {name: f"pipelines: [{{id: {name}, jobs: [{{id: j, steps: [{{run: echo}}]}}]}}]" for name in ("web", "api")}


def read_included(path: str) -> bytes:
    return INCLUDED[Path(path).stem].encode()


def test_each_section_is_a_recipe() -> None:
    assert list(RECIPES) == re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert len(RECIPES) == PAGE.count("```yaml")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_no_findings(name: str) -> None:
    assert lint(RECIPES[name], config_file="cictl.yaml", read_file=read_included) == ()
    assert read_warnings(RECIPES[name], config_file="cictl.yaml", read_file=read_included) == ()
