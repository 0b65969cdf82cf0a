"""How a file is read: verbatim scalars, strict keys and types, nulls, anchors, documents."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml

from cictl import project_file
from cictl.project_file.definition import Step
from cictl.project_file.reading import read
from cictl.project_file.schema import FileShape, JobShape, PipelineShape
from cictl.project_file.source.structure import parse_integer
from cictl.project_file.source.unknown_keys import MEANINGS, NO_EQUAL

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

LOADERS = [pytest.param(yaml.SafeLoader, id="python"), pytest.param(yaml.CSafeLoader, id="c")]
S = "pipelines[0].jobs[0].steps[0]"


def parse_step(wrap: Wrap, body: str) -> project_file.Step:
    text = wrap("step", body)
    return project_file.parse(text, config_file="f.yaml").pipelines[0].jobs[0].steps[0]


def parse_job(wrap: Wrap, body: str) -> project_file.Job:
    text = wrap("job", f"- id: j\n  steps: [{{run: x}}]\n  {body}")
    return project_file.parse(text, config_file="f.yaml").pipelines[0].jobs[0]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text",
    ["1.10", "yes", "2020-01-01", "0x1F", "1e3", "+1", "012", "1_000", "12:30:45", "true", ".inf", "=", "!!int 7"],
)
def test_a_scalar_where_text_is_wanted_is_taken_verbatim(wrap: Wrap, loader: type[Any], text: str) -> None:
    word = text.split()[-1]
    job = f"- id: j\n  matrix: {{include: [{{{word}: {text}}}]}}\n  steps: [{{run: x}}]"
    file = read(wrap("job", job), config_file="f", loader=loader)
    assert file.pipelines[0].jobs[0].matrix == [{word: word}]


@pytest.mark.parametrize("null", ["null", "~", "", "Null", "NULL", "!!null ''"])
def test_null_text_is_empty(wrap: Wrap, null: str) -> None:
    assert parse_step(wrap, f"- run: x\n  env:\n    A: {null}").env == {"A": ""}


def test_a_quoted_null_word_is_text(wrap: Wrap) -> None:
    assert parse_step(wrap, "- run: 'null'\n  env: {A: '~'}").env == {"A": "~"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("60", 60),
        ("60.0", 60),
        ("6e1", 60),
        ("+60", 60),
        ("010", 8),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("-0", 0),
        ("08", 8),
    ],
)
def test_integers_of_yaml_are_read(wrap: Wrap, text: str, number: int) -> None:
    assert parse_job(wrap, f"timeout_seconds: {text}").timeout_seconds == number


@pytest.mark.weakness("W1")
@pytest.mark.parametrize("text", ["1.9", "'60'", "true", "1e400", "9" * 5000, "ten", "_1", "[1]"])
def test_what_is_no_whole_number_is_refused(wrap: Wrap, text: str) -> None:
    body = f"- id: j\n  timeout_seconds: {text}\n  steps: [{{run: x}}]"
    (finding,) = project_file.lint(wrap("job", body), config_file="f")
    assert finding.message.startswith("pipelines[0].jobs[0].timeout_seconds must be a whole number, not ")


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1e30", "0x" + "f" * 20])
def test_a_whole_number_beyond_64_bits_is_refused_with_the_limit(wrap: Wrap, text: str) -> None:
    body = f"- id: j\n  timeout_seconds: {text}\n  steps: [{{run: x}}]"
    (finding,) = project_file.lint(wrap("job", body), config_file="f")
    limit = "a whole number of at most 9223372036854775807"
    assert finding.message == f"pipelines[0].jobs[0].timeout_seconds must be {limit}, not {text}"


@pytest.mark.parametrize(("text", "number"), [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)])
def test_the_ends_of_64_bits_fit(text: str, number: int) -> None:
    assert parse_integer(text) == number


TRUE_WORDS = ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y"]
FALSE_WORDS = ["false", "False", "FALSE", "no", "NO", "off", "Off", "n", "N"]


@pytest.mark.parametrize(
    ("word", "value"), [*((word, True) for word in TRUE_WORDS), *((word, False) for word in FALSE_WORDS)]
)
def test_booleans_of_yaml_1_1_are_read(wrap: Wrap, word: str, value: bool) -> None:
    assert parse_step(wrap, f"- run: x\n  skip_dry_run: {word}").skip_dry_run is value


def keys_of(shape: type[msgspec.Struct]) -> str:
    return "; allowed here: " + ", ".join(field.encode_name for field in msgspec.structs.fields(shape))


STEP_KEYS, FILE_KEYS = keys_of(Step), keys_of(FileShape)


STRUCTURE = [
    pytest.param(
        "step", "- run: x\n  skip_dry_run: §'true'", 'must be true or false, not the text "true"', id="quoted"
    ),
    pytest.param("step", "- run: x\n  skip_dry_run: §1", "must be true or false, not 1", id="bool-from-integer"),
    pytest.param(
        "step", "- §runn: x", f'field runn not found in {S}; did you mean "run"?{STEP_KEYS}', id="unknown-close"
    ),
    pytest.param("step", "- run: x\n  §metadata: {}", f"field metadata not found in {S}{STEP_KEYS}", id="unknown"),
    pytest.param(
        "step",
        "- run: x\n  §Env: {}",
        f'field Env not found in {S}; did you mean "env"?{STEP_KEYS}',
        id="case-sensitive",
    ),
    pytest.param(
        "file", "§x-tools: &t [a]", f"field x-tools not found at the top level{FILE_KEYS}", id="no-escape-hatch"
    ),
    pytest.param(
        "file", "project: {§icon: a}", "field icon not found in project; allowed here: name", id="project-icon"
    ),
    pytest.param("step", "- run: x\n  §run: y", 'mapping key "run" already defined', id="duplicate"),
    pytest.param("step", "- run: x\n  env: {A: 1, §'A': 2}", 'mapping key "A" already defined', id="duplicate-in-map"),
    pytest.param("step", "- run: x\n  env: {<<: {A: 1}, §<<: {B: 1}}", 'mapping key "<<" already defined', id="merges"),
    pytest.param("step", "- run: x\n  env: {A: §[1]}", f"{S}.env.A must be text, not a list", id="list-in-text-map"),
    pytest.param("step", "- run: x\n  env: {A: §{b: c}}", f"{S}.env.A must be text, not a mapping", id="nested-map"),
    pytest.param("step", "- run: x\n  env: §A=1", f"{S}.env must be a mapping, not A=1", id="text-for-mapping"),
    pytest.param("step", "- run: x\n  env: {§[a]: b}", f"{S}.env has a list or mapping as a key", id="complex-key"),
    pytest.param("step", "- run: x\n  env: {<<: §1}", "merge key << takes a mapping or a list of mappings", id="merge"),
    pytest.param("job", "- id: j\n  needs: §a", "jobs[0].needs must be a list, not a", id="scalar-for-list"),
    pytest.param("job", "- id: j\n  caches: §{id: a}", "caches must be a list, not a mapping", id="mapping-for-list"),
    pytest.param("job", "- id: j\n  go_cache: §true", "go_cache must be a mapping, not true", id="go-cache-scalar"),
    pytest.param("job", "- id: j\n  matrix: §[a]", "matrix must be a mapping, not a list", id="matrix-list"),
    pytest.param("file", "§[1]", "the top level must be a mapping, not a list", id="root"),
]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("level", "body", "message"), STRUCTURE)
def test_a_wrong_shape_is_reported_where_it_is(
    level: str, body: str, message: str, loader: type[Any], wrap: Wrap, find_marks: FindMarks
) -> None:
    text, marks = find_marks(wrap(level, body))
    with pytest.raises(project_file.StructureError) as caught:
        read(text, config_file="f.yaml", loader=loader)
    (finding,) = caught.value.findings
    assert message in finding.message
    assert [(finding.line, finding.column)] == marks


def test_wrong_shapes_are_reported_together_and_before_any_rule() -> None:
    with pytest.raises(project_file.StructureError) as caught:
        project_file.parse("version: 2\nversion: 3\nproject: {nmae: o}\npipelines: x\n", config_file="f.yaml")
    assert str(caught.value) == (
        'parse YAML in "f.yaml": yaml: unmarshal errors:\n'
        '  line 2: column 1: mapping key "version" already defined\n'
        '  line 3: column 11: field nmae not found in project; did you mean "name"?; allowed here: name\n'
        "  line 4: column 12: pipelines must be a list, not x"
    )


def test_a_key_cannot_break_the_line() -> None:
    with pytest.raises(project_file.StructureError) as caught:
        project_file.parse('"a\\nb": 1', config_file="f.yaml")
    assert "field a\\nb not found" in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", b""])
def test_a_file_without_a_document_is_eof(text: str | bytes) -> None:
    with pytest.raises(project_file.UnreadableFileError) as caught:
        project_file.parse(text, config_file="f.yaml")
    assert str(caught.value) == 'parse YAML in "f.yaml": EOF'
    assert caught.value.findings == (project_file.Finding(line=1, column=1, path="", message="the file is empty"),)


@pytest.mark.parametrize("loader", LOADERS)
def test_only_the_first_document_is_read(teapot: str, loader: type[Any]) -> None:
    file = read(teapot + "---\n\t@[ {{{ not yaml", config_file="f.yaml", loader=loader)
    assert file.name == "teapot"


@pytest.mark.parametrize("loader", LOADERS)
def test_bad_syntax_has_a_position(loader: type[Any]) -> None:
    with pytest.raises(project_file.UnreadableFileError) as caught:
        read("version: 1\nproject: {name: [}\n", config_file="f.yaml", loader=loader)
    assert str(caught.value).startswith('parse YAML in "f.yaml": yaml: line 2: column 18: ')


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        pytest.param(b"a: 1\nb: \xff\n", 2, 4, "file is not valid UTF-8", id="latin-1"),
        pytest.param("a: 1\nb: \x00", 2, 4, "character U+0000 is not allowed", id="nul"),
        pytest.param("a: \ud800", 1, 4, "character U+D800 is not allowed", id="surrogate"),
        pytest.param("a: *x", 1, 4, "alias *x has no anchor before it", id="no-anchor"),
        pytest.param("a: &x [*x]", 1, 8, "alias *x stands inside its own anchor", id="recursive"),
        pytest.param("%YAML 2.0\n---\na: 1", 1, 1, "found incompatible YAML document", id="yaml-2"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str | bytes, line: int, column: int, reason: str) -> None:
    (finding,) = project_file.lint(text, config_file="f.yaml")
    assert (finding.line, finding.column) == (line, column)
    assert finding.message.startswith(reason)


def test_a_byte_order_mark_is_ignored(teapot: str) -> None:
    assert project_file.lint(b"\xef\xbb\xbf" + teapot.encode(), config_file="f.yaml") == ()


def test_null_items_of_lists_are_dropped(wrap: Wrap) -> None:
    assert parse_job(wrap, "artifacts: [~, a, null, b]").artifacts == ["a", "b"]


def test_a_null_matrix_row_stays_as_a_row_without_variables(wrap: Wrap) -> None:
    assert parse_job(wrap, "matrix: {include: [~, {a: 1.10}]}").matrix == [{}, {"a": "1.10"}]


def test_null_is_as_good_as_absent(wrap: Wrap) -> None:
    nulls = "needs: ~\n  runs_on:\n  requires: {tools: ~, container: ~}\n  caches: ~\n  matrix: ~\n  go_cache: ~"
    assert parse_job(wrap, nulls) == parse_job(wrap, "")


def test_anchors_and_merge_keys_work_inside_known_structures(wrap: Wrap) -> None:
    body = """
        - id: a
          runs_on: &linux {os: linux, arch: amd64}
          steps: &steps [{run: x}]
        - id: b
          runs_on: {<<: *linux, arch: arm64}
          steps: *steps
        - &c
          id: c
          steps: *steps
          timeout_seconds: 5
        - {<<: [{id: d, timeout_seconds: 1}, *c]}
    """
    jobs = project_file.parse(wrap("job", body), config_file="f.yaml").pipelines[0].jobs
    assert jobs[1].runs_on == {"os": "linux", "arch": "arm64"}
    assert (jobs[3].id, jobs[3].timeout_seconds, jobs[3].steps) == ("d", 1, jobs[0].steps)


def test_an_anchor_may_be_defined_again(wrap: Wrap) -> None:
    step = parse_step(wrap, "- run: x\n  env: {A: &v one, B: *v, C: &v two, D: *v}")
    assert step.env == {"A": "one", "B": "one", "C": "two", "D": "two"}


def test_a_fault_seen_through_many_aliases_is_told_once(wrap: Wrap) -> None:
    body = "- {run: x, env: &e {A: [1]}}\n" + "- {run: x, env: *e}\n" * 20
    assert len(project_file.lint(wrap("step", body), config_file="f.yaml")) == 1


FOREIGN = [
    pytest.param("file", "§on: push", FILE_KEYS, id="no meaning here"),
    pytest.param("file", "§jobs: {}", "; write `pipelines: [{id: …, jobs: …}]`" + FILE_KEYS, id="one level down"),
    pytest.param("step", "- §script: x", '; did you mean "run"?' + STEP_KEYS, id="ours by another name"),
    pytest.param("step", "- run: x\n  §rules: a", "; it has no equal here" + STEP_KEYS, id="no equal"),
    pytest.param("step", "- §uses: x", "; write `run` with the commands themselves" + STEP_KEYS, id="a phrase"),
    pytest.param(
        "step", "- run: x\n  §timeout-minutes: 3", '; did you mean "timeout_seconds"?' + STEP_KEYS, id="a unit"
    ),
    pytest.param("step", "- run: x\n  §services: a", "; write `services` of a job" + STEP_KEYS, id="up"),
    pytest.param("job", "- id: j\n  matrix: {§os: [a]}", "; write `matrix: {axes: {NAME: [VALUE, …]}}`", id="axes"),
    pytest.param("job", "- id: j\n  §runs-on: a", '; did you mean "runs_on"?', id="a dash"),
]


@pytest.mark.parametrize(("level", "body", "answer"), FOREIGN)
def test_words_of_other_tools_are_answered_with_ours(wrap: Wrap, level: str, body: str, answer: str) -> None:
    text = body if level == "file" else wrap(level, body)
    with pytest.raises(project_file.StructureError) as caught:
        project_file.parse(text.replace("§", ""), config_file="f")
    assert answer in caught.value.findings[0].message


def test_every_word_of_other_tools_has_an_answer() -> None:
    shapes: tuple[type[msgspec.Struct], ...] = (JobShape, PipelineShape, Step, FileShape)
    ours = {field.encode_name for shape in shapes for field in msgspec.structs.fields(shape)}
    ours |= {"repo", "run"}
    assert all(meaning in ours or " " in meaning for meanings in MEANINGS.values() for meaning in meanings)
    assert not NO_EQUAL & (ours | set(MEANINGS))
