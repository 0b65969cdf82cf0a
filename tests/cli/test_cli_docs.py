"""The reference page and the completion scripts are generated, checked in and current."""

from __future__ import annotations

import subprocess
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
    assert len(groups) == 7
    for node in groups:
        verbs = " ".join(name for name, _ in node.commands)
        assert COMMANDS[node.path.split()[1]].help.partition(": ")[2] == f"{verbs}."


def test_write_puts_every_file_below_the_directory(tmp_path: Path) -> None:
    assert {str(path.relative_to(tmp_path)) for path in write(tmp_path)} == set(files(command_tree()))


def complete(*words: str) -> list[str]:
    """Return what bash offers for the last of *words*."""
    line = " ".join(f"'{word}'" for word in words)
    code = f". {ROOT}/completions/cictl.bash; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _cictl; "
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(("cictl", "jo"), ["jobs"], id="command"),
        pytest.param(("cictl", "agents", "de"), ["deactivate"], id="verb"),
        pytest.param(("cictl", "-o", "json", "jobs", "l"), ["list", "logs"], id="verb behind options"),
        pytest.param(("cictl", "jobs", "list", "--sta"), ["--status"], id="option"),
        pytest.param(("cictl", "jobs", "list", "-o", "j"), ["json"], id="value of -o"),
        pytest.param(("cictl", "jobs", "list", "--status", "s"), ["succeeded"], id="value of --status"),
        pytest.param(("cictl", "run", "x"), [], id="nothing static"),
    ],
)
def test_bash_completion(words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(*words) == offered
