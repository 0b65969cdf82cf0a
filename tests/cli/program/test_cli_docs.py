"""The reference page, the manual pages and the completion scripts are generated, checked in and current."""

from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import COMMANDS
from cictl.cli.completion.generate import SCRIPTS
from cictl.cli.completion.tree import Node, command_tree
from cictl.cli.reference.docs import SCHEMA, files, write
from cictl.cli.reference.man import pages

ROOT = Path(__file__).parents[3]


GENERATED = files(command_tree())


@pytest.mark.parametrize("name", GENERATED)
def test_generated_file_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == GENERATED[name], "run: make docs"


def test_nothing_else_lies_among_the_generated_files() -> None:
    found = {str(path.relative_to(ROOT)) for name in ("man", "completions") for path in (ROOT / name).iterdir()}
    assert found | {"docs/cli.md", SCHEMA} == set(GENERATED)


def test_completions_for_every_shell_are_generated() -> None:
    assert {f"completions/cictl.{shell}" for shell in SCRIPTS} < set(GENERATED)


def test_every_command_has_a_manual_page_or_a_section_in_one() -> None:
    for node in command_tree()[1:]:
        top = node.path.split()[1]
        escaped = node.usage.replace("-", "\\-")
        assert escaped in GENERATED[f"man/cictl-{top}.1"] or node.commands


def test_manual_pages_show_what_the_help_shows() -> None:
    page = GENERATED["man/cictl-jobs.1"]
    assert ".SS cictl jobs logs\n" in page
    assert "\\fB\\-\\-since WHEN\\fR\nOnly what came since then" in page
    assert "cictl jobs logs \\-\\-run 41 \\-\\-failed\n" in page


def test_no_line_of_a_manual_page_is_taken_for_a_request() -> None:
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".br", ".nf", ".fi", ".RS", ".RE", '.\\"'}
    for name, page in GENERATED.items():
        if name.startswith("man/"):
            requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
            assert requests <= known, name


def test_text_that_looks_like_roff_stays_text() -> None:
    node = Node(
        path="cictl x",
        usage="cictl x",
        summary="x",
        help=".TH a \\n",
        examples=("'x \\\\",),
        parameters=(),
        commands=(),
    )
    top = Node(path="cictl", usage="cictl", summary="", help="x", examples=(), parameters=(), commands=(("x", "X."),))
    page = pages([top, node])["man/cictl-x.1"]
    assert "\n\\&.TH a \\en\n" in page
    assert "\n\\&'x \\e\\e\n" in page


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"### {node.path}\n" in page for node in command_tree()[1:])


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"| {int(code)} | {code.meaning} |" in page for code in ExitCode)


def test_one_line_helps_of_groups_name_their_commands() -> None:
    groups = [node for node in command_tree()[1:] if node.commands]
    assert len(groups) >= 8
    for node in groups:
        verbs = " ".join(name for name, _ in node.commands)
        words = node.path.split()
        help_text = COMMANDS[words[1]].help if len(words) == 2 else node.summary
        assert help_text.partition(": ")[2] == f"{verbs}."


def test_write_puts_every_file_below_the_directory(tmp_path: Path) -> None:
    assert {str(path.relative_to(tmp_path)) for path in write(tmp_path)} == set(files(command_tree()))
