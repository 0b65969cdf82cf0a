"""What lists of patterns in `on` take."""

from __future__ import annotations

import pytest

from cictl.base.text.globs import PatternList


@pytest.mark.parametrize(
    ("patterns", "name", "is_taken"),
    [
        pytest.param(["main"], "main", True, id="a name"),
        pytest.param(["main"], "maintenance", False, id="no beginning"),
        pytest.param(["release/*"], "release/1", True, id="a star"),
        pytest.param(["release/*"], "release/1/2", False, id="a star stays within a name"),
        pytest.param(["release/**"], "release/1/2", True, id="two stars cross slashes"),
        pytest.param(["**"], "feature/tea", True, id="everything"),
        pytest.param(["**", "!feature/**"], "feature/tea", False, id="excluded"),
        pytest.param(["**", "!feature/**", "feature/tea"], "feature/tea", True, id="the later one wins"),
        pytest.param(["feature/tea", "!feature/**"], "feature/tea", False, id="the later one wins as exclusion"),
        pytest.param(["src/**", "!**/*.md"], "src/docs/pot.md", False, id="excluded below"),
        pytest.param(["src/**", "!**/*.md"], "src/pot.c", True, id="not excluded"),
        pytest.param([], "main", False, id="none"),
    ],
)
def test_names_and_paths(patterns: list[str], name: str, is_taken: bool) -> None:
    assert PatternList(patterns).takes(name) is is_taken
