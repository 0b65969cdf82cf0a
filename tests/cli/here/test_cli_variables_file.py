from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.app.failures import Failure
from cictl.cli.projects.variables_file import read_variables

LINES = [
    pytest.param("A=1\nB=2", {"A": "1", "B": "2"}, id="two"),
    pytest.param("A=x=y z ", {"A": "x=y z "}, id="all-behind-the-first-equals"),
    pytest.param("A=\"q\"\nA='r'", {"A": "'r'"}, id="quotes-are-the-values"),
    pytest.param("  A=1\n\n# B=2\n  # C=3\n", {"A": "1"}, id="blanks-and-comments"),
    pytest.param("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="windows"),
    pytest.param("A=", {"A": ""}, id="empty"),
    pytest.param("OF_ENVIRONMENT\nNOWHERE", {"OF_ENVIRONMENT": "there"}, id="a-name-alone"),
]


@pytest.mark.parametrize(("text", "variables"), LINES)
def test_lines(text: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_ENVIRONMENT", "there")
    (tmp_path / "env").write_bytes(text.encode())
    assert read_variables(tmp_path / "env", option="--env-file") == variables


@pytest.mark.parametrize("line", ["=x", "two words=x", "1st=x", "just words"])
def test_a_line_without_a_name_is_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(f"A=1\n{line}\n")
    with pytest.raises(Failure, match=":2: not NAME=value"):
        read_variables(tmp_path / "env", option="--env-file")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot read --env-file .*/none: No such file"):
        read_variables(tmp_path / "none", option="--env-file")
    (tmp_path / "latin").write_bytes(b"A=\xe4")
    with pytest.raises(Failure, match="it is not UTF-8"):
        read_variables(tmp_path / "latin", option="--env-file")


def test_no_file_has_no_variables() -> None:
    assert read_variables(None, option="--env-file") == {}
