"""The tables for those who come from GitLab and Jenkins: the keys and variables that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "coming-from.md").read_text(encoding="utf-8")
KEYS = (DOCS / "project-file.md").read_text(encoding="utf-8")
OF_SHELLS = {"PWD"}


def rows(title: str) -> dict[str, str]:
    """Return the last column of a section's table, by the first."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    cells = [re.split(r" \| ", line.strip("| ")) for line in section.splitlines() if line[:2] == "| "]
    return {row[0]: row[-1] for row in cells[2:]}


@pytest.mark.parametrize("title", ["The words of GitLab", "The words of Jenkins"])
def test_what_the_last_column_names_is_in_the_reference(title: str) -> None:
    found = rows(title)
    assert len(found) > 25
    codes = [
        code for cell in found.values() for code in re.findall(r"`([^`]+)`", cell) if not code.startswith("cictl ")
    ]
    keys = {word for code in codes for word in re.findall(r"(?<![$\w])[a-z_]{3,}(?=:|\.|$)", code)}
    variables = {name for code in codes for name in re.findall(r"\$([A-Z_]+)", code)} - OF_SHELLS
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", KEYS)] == []
    assert [name for name in sorted(variables) if f"`{name}`" not in KEYS] == []
