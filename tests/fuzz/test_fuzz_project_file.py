"""The project file: any text is a definition or findings with places, in work that grows with its size."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from types import FrameType

import yaml
from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged
from hypothesis import given
from hypothesis import strategies as st

from cictl import project_file
from cictl.project_file import ProjectFile, ProjectFileError
from cictl_server.services.pipelines.definition_yaml import pipeline_yaml

TEAPOT = Path(__file__).parents[1].joinpath("project_file/teapot.yaml").read_bytes()
SMALL = b"version: 1\nproject: {name: o}\npipelines:\n- id: p\n  jobs:\n  - id: j\n    steps: [{run: make}]\n"
KEYS = st.sampled_from(
    ["id", "name", "needs", "jobs", "steps", "run", "test", "command", "format", "report", "env", "matrix", "include",
     "runs_on", "requires", "tools", "container", "caches", "artifacts", "timeout_seconds", "vault", "secrets", "depth", "<<"]
)  # fmt: skip
SCALARS = st.sampled_from(
    [
        "x",
        "",
        "1",
        "-1",
        "1e9",
        "~",
        "yes",
        "2026-01-01",
        "0x1F",
        "é",
        "*",
        ">=1.2,<2",
        "{{ x }}",
        "{{ secret.a }}",
        "a" * 300,
    ]
)
VALUES = st.recursive(
    SCALARS | st.integers() | st.booleans() | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


def nearly_good(value: object, path: list[str | int]) -> bytes:
    """Return the small file with *value* somewhere in it."""
    tree = yaml.safe_load(SMALL)
    place = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return yaml.safe_dump(tree, allow_unicode=True).encode()


JOB = ["pipelines", 0, "jobs", 0]
PLACES = st.one_of(
    KEYS.map(lambda key: [key]),
    KEYS.map(lambda key: ["pipelines", 0, key]),
    KEYS.map(lambda key: [*JOB, key]),
    KEYS.map(lambda key: [*JOB, "steps", 0, key]),
)
FILES = st.one_of(damaged([TEAPOT]), damaged([SMALL]), st.builds(nearly_good, VALUES, PLACES), st.binary(max_size=60))


def read(content: bytes) -> ProjectFile | ProjectFileError:
    try:
        return project_file.parse(content, config_file="f.yaml")
    except ProjectFileError as error:
        return error


def is_one_line(message: str) -> bool:
    """Tell whether nothing in *message* breaks its line or steers a terminal."""
    return bool(message) and not {"Cc", "Zl", "Zp"}.intersection(map(unicodedata.category, message))


@fuzzed(examples=120)
@given(FILES)
def test_any_bytes_are_a_definition_or_findings(content: bytes) -> None:
    result = read(content)
    findings = project_file.lint(content, config_file="f.yaml")
    if isinstance(result, ProjectFile):
        assert findings == ()
    else:
        lines = len(content.splitlines()) + 2
        assert findings == result.findings != ()
        assert all(1 <= f.line <= lines and f.column >= 1 and is_one_line(f.message) for f in findings)
        assert str(result)
    warnings = project_file.lint_warnings(content, config_file="f.yaml")
    assert all(f.line >= 1 and is_one_line(f.message) for f in warnings)


@fuzzed(examples=40)
@given(FILES)
def test_a_definition_written_as_yaml_is_the_same_definition(content: bytes) -> None:
    result = read(content)
    if not isinstance(result, ProjectFile):
        return
    for pipeline in result.pipelines:
        if pipeline.versioning is not None or pipeline.depends_on or (pipeline.on and pipeline.on.after):
            continue  # a token is hidden, and the other pipelines are not in this file
        text = yaml.safe_dump(
            {"version": 1, "project": {"name": "o"}, "pipelines": [yaml.safe_load(pipeline_yaml(pipeline))]}
        )
        again = read(text.encode())
        assert isinstance(again, ProjectFile), again
        assert again.pipelines == [pipeline]


@fuzzed(examples=40)
@given(damaged([TEAPOT]) | st.builds(nearly_good, VALUES, PLACES), st.integers(1, 4))
def test_work_grows_with_the_file(content: bytes, times: int) -> None:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(content * times)
    finally:
        sys.setprofile(before)
    assert calls <= 20_000 + 100 * len(content) * times
