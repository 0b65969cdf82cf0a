"""What `lint` warns of: allowed, and without effect."""

from __future__ import annotations

import pytest

from cictl.project_file import lint, lint_warnings, parse
from cictl.project_file.patterns import pattern_problem

FILE = """
version: 1
project: {name: shop}
pipelines:
  - id: build
    jobs:
      - id: pack
        artifacts: %s
        steps: [{run: "true"}]
"""


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("./x", "x"),
        ("/x", "x"),
        ("x/", "x/**"),
        ("./x/", "x/**"),
        ("x//y", "x/y"),
        ("x/./y/*", "x/y/*"),
        ("!./x", "!x"),
        ("!x/", "!x/**"),
        ("x/**/", "x/**"),
        (".", "**"),
        ("./", "**"),
        ("/", "**"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_told_with_what_was_meant(pattern: str, meant: str) -> None:
    assert pattern_problem(pattern) == f"matches no file; write {meant}"
    assert pattern_problem(meant) == ""


@pytest.mark.parametrize("pattern", ["x", "**", "x/**", "!x", ".x", "..x/y", "x..", ".env/**"])
def test_other_patterns_are_good(pattern: str) -> None:
    assert pattern_problem(pattern) == ""


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ("[a, ../b]", '[1] "../b" matches no file; it may not have .. in it'),
        ('[a, ""]', '[1] "" is empty and matches no file'),
        ('["!a"]', " only excludes, so nothing is kept; write a pattern without ! too"),
    ],
)
def test_the_place_is_named_and_the_file_stays_good(artifacts: str, message: str) -> None:
    text = FILE % artifacts
    [warning] = lint_warnings(text, config_file="cictl.yaml")
    assert warning.message == f"pipelines[0].jobs[0].artifacts{message}"
    assert warning.line == 8
    assert lint(text, config_file="cictl.yaml") == ()
    assert parse(text, config_file="cictl.yaml").pipelines


def test_good_and_bad_files_have_no_warnings() -> None:
    assert lint_warnings(FILE % '["dist/**", "!dist/*.map"]', config_file="cictl.yaml") == ()
    assert lint_warnings("project: [", config_file="cictl.yaml") == ()


MATRIX = """
version: 1
project: {name: shop}
pipelines:
  - id: build
    jobs:
      - id: pack
        matrix: {include: [{name: one, os: linux}, {name: %s, os: linux}]}
        runs_on: {os: "%s"}
        steps: [{run: "docker ps --format '{{.Names}} {{ range . }}' %s"}]
"""


@pytest.mark.parametrize(
    ("name", "os", "command", "warning"),
    [
        ("two", "{{os}}", "{{name}} {{cictl.version}} {{ciwi.tag_prefix}}", ""),
        ("one", "x", "", '.matrix.include[1] has the name "one" of an earlier row, so that --matrix means both'),
        ("two", "{{oss}}", "", ".runs_on.os has {{oss}}, which nothing fills; it stays as it is"),
        (
            "two",
            "x",
            "{{ cictl.version }}",
            ".steps[0].run has {{ cictl.version }}, which nothing fills; it stays as it is",
        ),
    ],
)
def test_rows_and_placeholders(name: str, os: str, command: str, warning: str) -> None:
    found = lint_warnings(MATRIX % (name, os, command), config_file="cictl.yaml")
    assert [each.message for each in found] == [f"pipelines[0].jobs[0]{warning}"] * bool(warning)


def test_placeholders_in_groups() -> None:
    text = MATRIX % ("two", "x", "echo")
    text = text.replace("    jobs:", "    concurrency: {group: '{{ref}} {{name}}'}\n    jobs:")
    found = lint_warnings(text, config_file="cictl.yaml")
    assert [each.message for each in found] == [
        "pipelines[0].concurrency.group has {{name}}, which nothing fills; it stays as it is"
    ]


CHECKOUT = """
version: 1
project: {name: shop}
pipelines:
  - id: build
    %s
    jobs:
      - {id: a, steps: [{run: "echo hello"}, {run: %s}, {run: make}]}
"""


@pytest.mark.parametrize(
    ("run", "command"),
    [
        ("make all", "make"),
        ("set -e; git describe", "git describe"),
        ("./gradlew build", "./gradlew"),
        ("cd app && npm ci", "npm ci"),
        ("pip install .", "pip install ."),
    ],
)
def test_a_pipeline_that_wants_a_checkout_and_has_none_is_told_once(run: str, command: str) -> None:
    [warning] = lint_warnings(CHECKOUT % ("trigger: manual", f"'{run}'"), config_file="cictl.yaml")
    assert warning.line == 8
    assert warning.message == (
        f'pipelines[0].jobs[0].steps[1].run runs "{command}", but without vcs_source nothing is checked out; '
        "vcs_source: {repo: self} checks this repository out"
    )


@pytest.mark.parametrize(
    ("keys", "run"),
    [
        pytest.param("vcs_source: {repo: self}", "make all", id="checked out"),
        pytest.param("trigger: manual", "git clone https://git.example.test/x . && make", id="cloned by itself"),
    ],
)
def test_a_pipeline_that_has_its_files_is_left_alone(keys: str, run: str) -> None:
    assert lint_warnings(CHECKOUT % (keys, f"'{run}'"), config_file="cictl.yaml") == ()


@pytest.mark.parametrize("run", ["echo make", "git --version", "go version", "makepkg", "cat ./x", "npm --version"])
def test_other_commands_want_no_checkout(run: str) -> None:
    text = (CHECKOUT % ("trigger: manual", f"'{run}'")).replace(", {run: make}", "")
    assert lint_warnings(text, config_file="cictl.yaml") == ()
