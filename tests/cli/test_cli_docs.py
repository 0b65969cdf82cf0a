"""The reference page and the completion scripts are generated, checked in and current."""

from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.completions import SCRIPTS
from cictl.cli.docs import files, write
from cictl.cli.main import COMMANDS
from cictl.cli.tree import command_tree
from cictl.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["docs/cli.md", *(f"completions/cictl.{shell}" for shell in SCRIPTS)])
def test_generated_file_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == files(command_tree())[name], "run: make docs"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"### {node.path}\n" in page for node in command_tree()[1:])


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"| {int(code)} | {code.meaning} |" in page for code in ExitCode)


def test_one_line_helps_of_groups_name_their_commands() -> None:
    groups = [node for node in command_tree()[1:] if node.commands]
    assert len(groups) == 8
    for node in groups:
        verbs = " ".join(name for name, _ in node.commands)
        assert COMMANDS[node.path.split()[1]].help.partition(": ")[2] == f"{verbs}."


def test_write_puts_every_file_below_the_directory(tmp_path: Path) -> None:
    assert {str(path.relative_to(tmp_path)) for path in write(tmp_path)} == set(files(command_tree()))
