"""The JSON schema agrees with the reader of the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from cictl.project_file import json_schema
from cictl.project_file.json_schema import schema_text
from cictl.project_file.schema import FileShape

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(made)
    return made


def problems(schema: dict[str, Any], text: str) -> list[str]:
    document = _with_texts_as_keys(yaml.safe_load(text))
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def _with_texts_as_keys(node: Any) -> Any:
    """Return *node* with `on` for True, which YAML 1.1 makes of it; editors read YAML 1.2."""
    if isinstance(node, dict):
        return {"on" if key is True else key: _with_texts_as_keys(value) for key, value in node.items()}
    return [_with_texts_as_keys(item) for item in node] if isinstance(node, list) else node


def test_what_the_reader_takes_the_schema_takes(schema: dict[str, Any], teapot: str) -> None:
    page = (ROOT / "docs" / "project-file.md").read_text(encoding="utf-8")
    for text in (teapot, *re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)):
        assert problems(schema, text) == []


HEAD = "{version: 1, project: {name: o}, pipelines: [{id: p, jobs: [{id: j, steps: [%s]}]}]}"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("{rum: x}", id="unknown-key"),
        pytest.param("{run: [x]}", id="wrong-type"),
        pytest.param("{run: x, shell: fish}", id="no-such-word"),
        pytest.param("{run: x, timeout_seconds: 1.5}", id="no-whole-number"),
        pytest.param("{test: {command: x}}", id="required"),
        pytest.param("{test: {command: x, report: {a: b}}}", id="neither-form"),
    ],
)
def test_what_the_reader_refuses_by_its_shape_the_schema_refuses(schema: dict[str, Any], step: str) -> None:
    assert problems(schema, HEAD % "{run: x}") == []
    assert problems(schema, HEAD % step) != []


@pytest.mark.parametrize("text", ["1.10", "yes", "~", "3"])
def test_a_text_needs_no_quotes(schema: dict[str, Any], text: str) -> None:
    assert problems(schema, HEAD % f"{{run: x, env: {{A: {text}}}}}") == []


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    keys = {(shape, key): told for shape, node in schema["$defs"].items() for key, told in node["properties"].items()}
    assert [place for place, told in keys.items() if not told.get("description", "").endswith(".")] == []
    assert keys["Cache", "key"]["description"].startswith("What the content belongs to. `hash_files('PATTERN', …)` in ")
    assert keys["Push", "tags"]["description"] == keys["Push", "branches"]["description"], "they are told together"


def test_the_tables_name_keys_that_exist() -> None:
    shapes: dict[str, set[str]] = {}

    def look(kind: msgspec.inspect.Type) -> None:
        match kind:
            case msgspec.inspect.StructType():
                shapes[kind.cls.__name__] = {field.encode_name for field in kind.fields}
                for field in kind.fields:
                    look(field.type)
            case msgspec.inspect.ListType():
                look(kind.item_type)
            case msgspec.inspect.DictType():
                look(kind.value_type)
            case msgspec.inspect.UnionType():
                for member in kind.types:
                    look(member)

    look(msgspec.inspect.type_info(FileShape))
    named = {*json_schema._WORDS, *((shape, key) for shape, keys in json_schema._REQUIRED.items() for key in keys)}
    assert [pair for pair in named if pair[1] not in shapes.get(pair[0], set())] == []
