from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file

Places = list[tuple[int, int]]
FindBroken = Callable[[str, str], tuple[list[str], Places, Places]]
"""From a level of the file and what stands there: the messages, where they point, and where the marks are."""


@pytest.fixture
def find_broken(wrap: Callable[[str, str], str], find_marks: Callable[[str], tuple[str, Places]]) -> FindBroken:
    def find(level: str, body: str) -> tuple[list[str], Places, Places]:
        text, marks = find_marks(wrap(level, body))
        findings = project_file.lint(text, config_file="f.yaml")
        places = sorted({(finding.line, finding.column) for finding in findings})
        return [finding.message for finding in findings], places, marks

    return find
