"""No key of the project file is ignored: without it, another plan comes out, or another definition where no plan depends on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cictl import project_file
from cictl.project_file import Pipeline, ProjectFile, ProjectFileError
from cictl.project_file.schema import FileShape
from cictl.wire.codec import encode
from cictl.wire.projects import RunRequest
from cictl_server.services.pipelines.planning import RunIdentity, SourceContext, plan

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "project-file.md"
UNUSUAL = """
version: 1
project: {name: orchard}
pipelines:
  - id: graft
    on: {pull_request: {paths: ["trees/**"]}}
    vcs_source: {repo: self}
    versioning: {file: trees/VERSION, tag_prefix: tree-}
    inputs: {level: {type: choice, options: [quick, full], default: full}}
    jobs:
      - id: cut
        approval: {roles: [admin], timeout_seconds: 60}
        concurrency: {group: knives, limit: 2}
        go_cache: {enabled: false}
        artifacts: [{paths: [twig], when: failure}]
        steps: [{run: "cut {{input.level}}"}]
"""
INCLUDED = b"{defaults: {env: {CHINA: bone}}}"

Shape = msgspec.inspect.StructType
Key = tuple[str, str]


def shapes(kind: msgspec.inspect.Type) -> Iterator[Shape]:
    """Yield the shapes in *kind*, each before those in it."""
    match kind:
        case msgspec.inspect.StructType():
            yield kind
            for field in kind.fields:
                yield from shapes(field.type)
        case msgspec.inspect.ListType():
            yield from shapes(kind.item_type)
        case msgspec.inspect.DictType():
            yield from shapes(kind.value_type)
        case msgspec.inspect.UnionType():
            for member in kind.types:
                yield from shapes(member)


WHOLE = msgspec.inspect.type_info(FileShape)
KEYS = sorted({(shape.cls.__name__, field.encode_name) for shape in shapes(WHOLE) for field in shape.fields})


def without(node: Any, kind: msgspec.inspect.Type, key: Key) -> Any:
    """Return *node*, of this *kind*, without a key wherever its shape stands."""
    match kind:
        case msgspec.inspect.StructType() if isinstance(node, dict):
            fields = {field.encode_name: field.type for field in kind.fields}
            kept = {name: value for name, value in node.items() if (kind.cls.__name__, name) != key}
            return {name: without(value, fields[name], key) for name, value in kept.items()}
        case msgspec.inspect.ListType() if isinstance(node, list):
            return [without(item, kind.item_type, key) for item in node]
        case msgspec.inspect.DictType() if isinstance(node, dict):
            return {name: without(value, kind.value_type, key) for name, value in node.items()}
        case msgspec.inspect.UnionType() if isinstance(node, dict | list):
            wanted = msgspec.inspect.ListType if isinstance(node, list) else msgspec.inspect.StructType
            [member] = [member for member in kind.types if isinstance(member, wanted)]
            return without(node, member, key)
    return node


def with_texts_as_keys(node: Any) -> Any:
    """Return *node* with `on` for True, which YAML 1.1 makes of it."""
    if isinstance(node, dict):
        return {"on" if key is True else key: with_texts_as_keys(value) for key, value in node.items()}
    return [with_texts_as_keys(item) for item in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def examples() -> list[Any]:
    """The examples of the page, which use every key, and one of what they say as it would be anyway."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [with_texts_as_keys(yaml.safe_load(block)) for block in (*blocks, UNUSUAL)]


def read(document: Any) -> ProjectFile:
    return project_file.parse(json.dumps(document), config_file="cictl.yaml", read_file=lambda _: INCLUDED)


def plans(file: ProjectFile) -> list[bytes]:
    """Return what runs of all pipelines would enqueue, and dry runs."""
    return [encode(job) for pipeline in file.pipelines for dry in (False, True) for job in planned(pipeline, dry)]


def planned(pipeline: Pipeline, is_dry: bool) -> Any:
    given = {name: "x" for name, one in pipeline.inputs.items() if one.required}
    request = RunRequest(inputs=given, dry_run=is_dry)
    own = pipeline.vcs_source
    source = SourceContext(repo=own.repo, ref_raw=own.ref, commit="c0ffee") if own else SourceContext()
    identity = RunIdentity(project="orchard", project_id=1, pipeline_run_id="r")
    return plan(pipeline, request, source=source, identity=identity, tolerates_missing_inputs=True)


NOT_PLANNED = {
    ("FileShape", "notify"): "what is told when a run has ended is no part of it",
    ("FileShape", "pipeline_chains"): "a chain plans its pipelines one by one",
    ("InputShape", "description"): "for people",
    **{("NotifyShape", key): "the same as notify" for key in ("branches", "pipelines")},
    ("PipelineShape", "depends_on"): "whose run satisfies it is looked up before the plan",
    ("PipelineShape", "trigger"): "what starts a run is no part of it",
    ("PipelineShape", "on"): "the same",
    ("PipelineShape", "versioning"): "the version is read with the commit, before the plan",
    **{("Versioning", key): "the same" for key in ("file", "tag_prefix", "auto_bump_vault")},
    **{
        ("Triggers", key): "what starts a run is no part of it" for key in ("push", "pull_request", "schedule", "after")
    },
    **{("Push", key): "the same" for key in ("branches", "tags", "paths")},
    **{("PullRequest", key): "the same" for key in ("branches", "paths")},
    **{("Schedule", key): "the same" for key in ("timezone", "ref")},
}
"""Keys that count before a plan is made, or for others than the plan, and why."""


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_file_means_something_else_without_the_key(key: Key, examples: list[Any]) -> None:
    pairs = [(read(one), less) for one in examples if (less := without(one, WHOLE, key)) != one]
    try:
        others = [(whole, read(less)) for whole, less in pairs]
    except ProjectFileError:
        return  # what requires it is no less a sign that it counts
    assert any(other != whole for whole, other in others)
    assert any(plans(other) != plans(whole) for whole, other in others) == (key not in NOT_PLANNED)


OBEYED: dict[str, str] = yaml.safe_load((HERE / "obeyed.yaml").read_text(encoding="utf-8"))


def test_every_key_has_a_test_that_shows_what_it_does() -> None:
    names = {f"{shape.removesuffix('Shape').removesuffix('Spec')}.{key}" for shape, key in KEYS}
    assert set(OBEYED) == names


@pytest.mark.parametrize("where", sorted(set(OBEYED.values())))
def test_the_test_is_there(where: str) -> None:
    file, _, name = where.partition("::")
    assert f"def {name}(" in (HERE.parent / file).read_text(encoding="utf-8")
