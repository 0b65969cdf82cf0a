"""A file of another CI as plain values that know their lines."""

from __future__ import annotations

from typing import Any

import yaml

from cictl.cli.app.failures import usage

Value = Any
"""A text, a `Mapping` or a `Sequence`. All scalars are texts, as they are written."""

_DEEPEST = 64
_MOST_VALUES = 100_000


class Mapping(dict[str, Value]):
    """A mapping of the file.

    Attributes:
        line: Where it begins, from 1.
        lines: Where each key stands.
    """

    line: int
    lines: dict[str, int]


class Sequence(list[Value]):
    """A list of the file, and where it and each of its items begin."""

    line: int
    lines: list[int]


class Reference(str):
    """What `!reference [a, b]` of GitLab names: a path joined with dots."""


def load(text: str, *, name: str) -> Mapping:
    """Return the only document of *text*.

    Args:
        name: The file's, for messages.

    Raises:
        Failure: It is no YAML, no mapping, or nested or expanded beyond measure.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = _Building().value(node, 0) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise usage(f"{name}{place}: {getattr(error, 'problem', None) or error}", hint="mend the file first") from error
    except RecursionError:
        raise usage(f"{name} is nested too deep", hint=f"at most {_DEEPEST} levels") from None
    if not isinstance(value, Mapping):
        raise usage(f"{name} has no mapping of keys", hint="name the file of a workflow")
    return value


class _Building:
    """Makes values of nodes. Aliases are expanded, so how much comes out is counted."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, node: yaml.Node, depth: int) -> Value:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_VALUES:
            raise RecursionError
        if isinstance(node, yaml.ScalarNode):
            return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)
        if isinstance(node, yaml.SequenceNode):
            if node.tag == "!reference":
                return Reference(".".join(str(part.value) for part in node.value))
            items = Sequence(self.value(each, depth + 1) for each in node.value)
            items.line = node.start_mark.line + 1
            items.lines = [each.start_mark.line + 1 for each in node.value]
            return items
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, depth)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> Mapping:
        made = Mapping()
        made.line, made.lines = node.start_mark.line + 1, {}
        merged: list[Mapping] = []
        for key, value in node.value:
            found = self.value(value, depth + 1)
            if key.tag == "tag:yaml.org,2002:merge":
                merged += [
                    each for each in (found if isinstance(found, Sequence) else [found]) if isinstance(each, Mapping)
                ]
                continue
            name = str(key.value)
            made[name], made.lines[name] = found, key.start_mark.line + 1
        for other in merged:
            for name in other.keys() - made.keys():
                made[name], made.lines[name] = other[name], other.lines[name]
        return made


def texts(value: Value) -> list[str]:
    """Return a text, or a list of texts, as a list; nested lists are one."""
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [] if value == "" or isinstance(value, dict) else [value]


def mapping(value: Value) -> Mapping:
    """Return *value* if it is a mapping, else an empty one."""
    if isinstance(value, Mapping):
        return value
    empty = Mapping()
    empty.line, empty.lines = 0, {}
    return empty


def is_true(value: Value) -> bool:
    return str(value).strip().lower() in ("true", "yes", "on")
