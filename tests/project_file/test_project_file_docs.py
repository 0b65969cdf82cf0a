"""The reference of the project file is true to the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cictl import project_file
from cictl.project_file.rules.pipelines import BUMPS, TRIGGERS
from cictl.project_file.rules.steps import COVERAGE_FORMATS, TEST_FORMATS
from cictl.project_file.schema import FileShape
from cictl.project_file.shells import SHELLS


def schema_keys(kind: msgspec.inspect.Type) -> Iterator[str]:
    match kind:
        case msgspec.inspect.StructType():
            for field in kind.fields:
                yield field.encode_name
                yield from schema_keys(field.type)
        case msgspec.inspect.ListType():
            yield from schema_keys(kind.item_type)
        case msgspec.inspect.DictType():
            yield from schema_keys(kind.value_type)
        case msgspec.inspect.UnionType():
            for member in kind.types:
                yield from schema_keys(member)


KEYS = sorted(set(schema_keys(msgspec.inspect.type_info(FileShape))))


@pytest.fixture(scope="module")
def reference() -> str:
    path = Path(__file__).parents[2] / "docs" / "project-file.md"
    return path.read_text(encoding="utf-8")


def blocks(reference: str) -> list[str]:
    """Return the examples of the page; the first one uses nearly every key."""
    return re.findall(r"```yaml\n(.*?)```", reference, re.DOTALL)


def test_the_examples_have_no_findings(reference: str) -> None:
    for example in blocks(reference):
        assert project_file.lint(example, config_file="cictl.yaml", read_file=lambda _: b"defaults: {}") == ()


@pytest.mark.parametrize("key", KEYS)
def test_every_key_stands_in_an_example_and_in_a_table(reference: str, key: str) -> None:
    assert re.search(rf"\b{key}:", "\n".join(blocks(reference)))
    tables = "\n".join(line for line in reference.splitlines() if line.startswith("|"))
    assert re.search(rf"`[^`]*\b{key}\b[^`]*`", tables)


@pytest.mark.parametrize("word", [*SHELLS, *BUMPS, *TRIGGERS, *TEST_FORMATS, *COVERAGE_FORMATS])
def test_every_word_with_a_meaning_is_listed(reference: str, word: str) -> None:
    assert f"`{word}`" in reference
