"""Files that a project file includes: what they add, and where their faults are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file

FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

JOBS = "jobs: [{id: j, steps: [{run: x}]}]"
HEAD = "version: 1\nproject: {name: o}\n"
MAIN = f"{HEAD}include: [{{file: ci/a.yaml}}, {{file: b.yaml}}]\npipelines: [{{id: own, {JOBS}}}]\n"


def read(main: str = MAIN, **files: str) -> project_file.ProjectFile:
    """Parse *main* beside ci/a.yaml and b.yaml, whose texts are *a* and *b*."""
    return project_file.parse(main, config_file="cictl.yaml", read_file=beside(**files))


def beside(a: str = "", b: str = "") -> Callable[[str], bytes | None]:
    return lambda path: {"ci/a.yaml": a.encode(), "b.yaml": b.encode()}.get(path)


def test_pipelines_and_chains_follow_the_files_own() -> None:
    file = read(
        a=f"pipelines: [{{id: first, {JOBS}}}]\npipeline_chains: [{{id: all, pipelines: [own, first, second]}}]",
        b=f"pipelines: [{{id: second, depends_on: [first], {JOBS}}}]",
    )
    assert [pipeline.id for pipeline in file.pipelines] == ["own", "first", "second"]
    assert [chain.pipelines for chain in file.pipeline_chains] == [["own", "first", "second"]]


def test_a_file_may_have_pipelines_of_others_alone() -> None:
    file = read(f"{HEAD}include: [{{file: b.yaml}}]\n", b=f"pipelines: [{{id: p, {JOBS}}}]")
    assert [pipeline.id for pipeline in file.pipelines] == ["p"]


def test_the_files_own_defaults_win_key_by_key() -> None:
    file = read(
        f"{MAIN}defaults: {{env: {{A: own}}, shell: bash}}",
        a="defaults: {env: {A: a, B: a}, shell: posix, timeout_seconds: 9}",
        b="defaults: {env: {B: b, C: b}}",
    )
    [pipeline] = file.pipelines
    assert pipeline.env == {"A": "own", "B": "a", "C": "b"}
    assert (pipeline.jobs[0].shell, pipeline.jobs[0].timeout_seconds) == ("bash", 9)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        pytest.param(f"pipelines: [{{§idd: p, {JOBS}}}]", "field idd not found in pipelines[1]", id="unknown-key"),
        pytest.param(f"pipelines: [{{id: §own, {JOBS}}}]", 'pipelines[1].id duplicate "own"', id="names-are-unique"),
        pytest.param(
            "§version: 1", "field version not found in an included file; allowed here: defaults", id="version"
        ),
        pytest.param("§colour: red", "field colour not found in an included file; allowed here: defaults", id="colour"),
        pytest.param("pipelines: []\n§pipelines: []", 'mapping key "pipelines" already defined', id="repeated-key"),
        pytest.param(
            "defaults: {shell: bash}\n§defaults: {}", 'mapping key "defaults" already defined', id="repeated-new-key"
        ),
        pytest.param("§include: [{file: b.yaml}]", "field include not found in an included file", id="no-nesting"),
        pytest.param("§[a]", "an included file must be a mapping", id="a-list"),
        pytest.param(
            "pipelines: {a: \n§", "did not find expected node content while parsing a flow node", id="no-yaml"
        ),
    ],
)
def test_a_fault_is_told_in_its_own_file(find_marks: FindMarks, a: str, message: str) -> None:
    text, marks = find_marks(a)
    [finding] = project_file.lint(MAIN, config_file="cictl.yaml", read_file=beside(a=text))
    assert finding.message.startswith(message)
    assert (finding.file, [(finding.line, finding.column)]) == ("ci/a.yaml", marks)


@pytest.mark.parametrize(
    ("include", "message"),
    [
        pytest.param(
            "[{file: §ci/c.yaml}]", 'include[0].file: there is no file "ci/c.yaml" in the same commit', id="missing"
        ),
        pytest.param("[{file: b.yaml}, {file: §b.yaml}]", 'include[1].file names "b.yaml" once more', id="twice"),
        pytest.param(
            "[{file: §../x.yaml}]", "include[0].file must be the path of a file in the repository", id="above"
        ),
        pytest.param("[{file: §/x.yaml}]", "include[0].file must be the path of a file in the repository", id="root"),
        pytest.param("[{file: §a//b}]", "include[0].file must be the path of a file in the repository", id="empty"),
        pytest.param("[§{}]", "include[0].file is required", id="no-file"),
        pytest.param("[{§path: a}]", "field path not found in include[0]", id="unknown-key"),
        pytest.param("§b.yaml", "include must be a list, not b.yaml", id="no-list"),
    ],
)
def test_a_wrong_include_is_told_at_its_place(find_marks: FindMarks, include: str, message: str) -> None:
    text, marks = find_marks(f"{HEAD}include: {include}\npipelines: [{{id: own, {JOBS}}}]\n")
    [finding] = project_file.lint(text, config_file="cictl.yaml", read_file=beside())
    assert finding.message.startswith(message)
    assert (finding.file, [(finding.line, finding.column)]) == ("", marks)


def test_no_more_than_some_files_are_read() -> None:
    names = ", ".join(f"{{file: f{number}.yaml}}" for number in range(33))
    found = project_file.lint(
        f"{HEAD}include: [{names}]\npipelines: [{{id: own, {JOBS}}}]", config_file="f", read_file=lambda _: b""
    )
    assert [finding.message for finding in found] == ["include names more than 32 files"]


def test_an_include_of_a_merge_key_is_not_left_out_silently() -> None:
    text = f"{HEAD}<<: {{include: [{{file: b.yaml}}]}}\npipelines: [{{id: own, {JOBS}}}]"
    [finding] = project_file.lint(text, config_file="f", read_file=beside())
    assert finding.message == "include must stand in the file itself, not in what a merge key brings"


def test_without_the_other_files_an_include_is_refused() -> None:
    with pytest.raises(project_file.StructureError, match=r"include\[0\].file can't be read here"):
        project_file.parse(MAIN, config_file="cictl.yaml")


def test_the_text_of_an_error_names_the_file() -> None:
    with pytest.raises(project_file.StructureError, match=r"\n  ci/a\.yaml: line 1: column 1: field x not found"):
        read(a="x: 1")


def test_warnings_are_told_in_their_file() -> None:
    a = "pipelines: [{id: p, jobs: [{id: j, steps: [{run: 'frob {{x}} | tee y'}]}]}]"
    found = project_file.lint_warnings(MAIN, config_file="cictl.yaml", read_file=beside(a=a))
    assert [(warning.file, warning.line, warning.column) for warning in found] == [("ci/a.yaml", 1, 50)] * 2
