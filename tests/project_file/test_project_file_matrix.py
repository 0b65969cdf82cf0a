"""Matrices: which rows they have, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

M = "pipelines[0].jobs[0].matrix"
TEA = "axes: {tea: [green, black], water: [soft, hard]}"


def rows(wrap: Wrap, matrix: str) -> list[dict[str, str]]:
    text = wrap("job", f"- {{id: j, matrix: {{{matrix}}}, steps: [{{run: x}}]}}")
    return project_file.parse(text, config_file="f").pipelines[0].jobs[0].matrix


def test_axes_give_every_combination_with_its_name_in_their_order(wrap: Wrap) -> None:
    assert rows(wrap, "axes: {water: [soft, hard], tea: [green, 1.10]}") == [
        {"name": "soft-green", "water": "soft", "tea": "green"},
        {"name": "soft-1.10", "water": "soft", "tea": "1.10"},
        {"name": "hard-green", "water": "hard", "tea": "green"},
        {"name": "hard-1.10", "water": "hard", "tea": "1.10"},
    ]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        pytest.param("{tea: black, water: soft}", ["green-soft", "green-hard", "black-hard"], id="one"),
        pytest.param("{tea: black}", ["green-soft", "green-hard"], id="all-of-a-value"),
        pytest.param("{tea: black}, {water: hard}", ["green-soft"], id="two"),
    ],
)
def test_what_is_excluded_has_no_row(wrap: Wrap, exclude: str, left: list[str]) -> None:
    assert [row["name"] for row in rows(wrap, f"{TEA}, exclude: [{exclude}]")] == left


@pytest.mark.parametrize(
    ("included", "row"),
    [
        pytest.param(
            "{tea: white, water: soft, name: rare}", {"tea": "white", "water": "soft", "name": "rare"}, id="name"
        ),
        pytest.param(
            "{tea: white, water: soft}", {"name": "white-soft", "tea": "white", "water": "soft"}, id="made-up"
        ),
        pytest.param("{tea: white}", {"tea": "white"}, id="a-part-of-the-axes"),
    ],
)
def test_included_rows_follow(wrap: Wrap, included: str, row: dict[str, str]) -> None:
    assert rows(wrap, f"{TEA}, exclude: [{{tea: black}}], include: [{included}]")[2:] == [row]


def test_rows_without_axes_stay_as_they_are_written(wrap: Wrap) -> None:
    assert rows(wrap, "include: [{v: a}, {name: n, v: b}]") == [{"v": "a"}, {"name": "n", "v": "b"}]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        pytest.param(
            "axes: {a: [b]}, max_parallel: §0",
            f"{M}.max_parallel must be >= 1; without it all rows may run at once",
            id="no-row-at-once",
        ),
        pytest.param("axes: {a: §[]}", f"{M}.axes.a must contain at least one value", id="empty"),
        pytest.param("axes: {§a: }", f"{M}.axes.a must contain at least one value", id="null"),
        pytest.param("axes: {a: [b, §b]}", f'{M}.axes.a[1] duplicate "b"', id="twice"),
        pytest.param("axes: {§name: [b]}", f"{M}.axes.name can't be an axis: name is what a row is called", id="name"),
        pytest.param(
            "exclude: [§{a: b}]", f"{M}.exclude[0] needs axes, of whose combinations it leaves some out", id="no-axes"
        ),
        pytest.param("axes: {a: [b, c]}, exclude: [{§d: b}]", f"{M}.exclude[0].d is no axis; they are a", id="no-axis"),
        pytest.param(
            "axes: {a: [b, c]}, exclude: [{a: §d}]",
            f'{M}.exclude[0].a excludes "d", which is no value of the axis',
            id="no-value",
        ),
        pytest.param("axes: {a: [b, c]}, exclude: [§{}]", f"{M}.exclude[0] must name at least one axis", id="all"),
        pytest.param("axes: {a: [b]}, exclude: §[{a: b}]", f"{M}.exclude leaves no row", id="nothing-left"),
        pytest.param(
            f"axes: {{a: [b, c]}}, exclude: §[{', '.join(['{a: b}'] * 201)}]",
            f"{M}.exclude has 201 items; at most 200 are allowed",
            id="many-exclusions",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(wrap: Wrap, find_marks: FindMarks, matrix: str, message: str) -> None:
    text, marks = find_marks(wrap("job", f"- {{id: j, matrix: {{{matrix}}}, steps: [{{run: x}}]}}"))
    [finding] = project_file.lint(text, config_file="f")
    assert (finding.message, [(finding.line, finding.column)]) == (message, marks)


def test_few_lines_can_not_stand_for_millions_of_rows(wrap: Wrap) -> None:
    axes = ", ".join(f"a{number}: [{', '.join(map(str, range(10)))}]" for number in range(40))
    [finding] = project_file.lint(
        wrap("job", f"- {{id: j, matrix: {{axes: {{{axes}}}}}, steps: [{{run: x}}]}}"), config_file="f"
    )
    assert finding.message.startswith(
        f"pipelines have matrices with {10**40} combinations of axes in all; at most 10000"
    )


@pytest.mark.parametrize(
    ("matrix", "place"),
    [
        pytest.param("axes: {a: [x, x-y], b: [y-z, z]}", ".axes give a row", id="axes"),
        pytest.param("axes: {a: [x], b: [z]}, include: [{name: x-z}]", ".include[0] has", id="included"),
    ],
)
def test_rows_of_one_name_are_told(wrap: Wrap, matrix: str, place: str) -> None:
    text = wrap("job", f"- {{id: j, matrix: {{{matrix}}}, steps: [{{run: x}}]}}")
    [warning] = project_file.lint_warnings(text, config_file="f")
    assert warning.message.startswith(f"{M}{place} the name ")


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        pytest.param("{'python{{v}}': '*', node: '>={{v}}'}", "", id="good"),
        pytest.param("{'python{{w}}': '*'}", '["python{{w}}"] invalid tool name; it may have letters, ', id="unknown"),
        pytest.param("{'x{{v}}y': '*'}", '["x3 4y"] invalid tool name; it may have letters, ', id="name-of-a-row"),
        pytest.param("{node: '<{{v}}'}", '.node "<3 4" can\'t be met: ', id="constraint-of-a-row"),
    ],
)
def test_each_row_has_tools_of_its_own(wrap: Wrap, tools: str, problem: str) -> None:
    v = "3.12" if not problem else "3.12, 3 4"
    text = wrap(
        "job", f"- {{id: j, matrix: {{axes: {{v: [{v}]}}}}, requires: {{tools: {tools}}}, steps: [{{run: x}}]}}"
    )
    found = [finding.message for finding in project_file.lint(text, config_file="f")]
    path = "pipelines[0].jobs[0].requires.tools"
    assert [message.startswith(f"{path}{problem}") for message in found] == ([True] if problem else [])


def test_axes_fill_templates(wrap: Wrap) -> None:
    text = wrap("job", f"- {{id: j, matrix: {{{TEA}}}, steps: [{{run: 'pour {{{{tea}}}} {{{{name}}}}'}}]}}")
    assert project_file.lint_warnings(text, config_file="f") == ()
