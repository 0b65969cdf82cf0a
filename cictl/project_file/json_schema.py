"""The shapes of the project file as a JSON Schema, by which editors complete and check. The rules go further: see `lint`."""

from __future__ import annotations

import json
import re
from inspect import getdoc
from typing import Any

from msgspec import NODEFAULT, inspect

from cictl.base.job_parts import OnNew, When
from cictl.project_file.definition import InputType, NotifyOn
from cictl.project_file.rules.pipelines import BUMPS, SUBMODULES, TRIGGERS
from cictl.project_file.rules.steps import COVERAGE_FORMATS, TEST_FORMATS
from cictl.project_file.schema import FileShape
from cictl.project_file.shells import SHELLS

_Node = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("ArtifactShape", "when"): tuple(When),
    ("ConcurrencyShape", "on_new"): tuple(OnNew),
    ("DefaultsShape", "shell"): SHELLS,
    ("InputShape", "type"): tuple(InputType),
    ("JobShape", "shell"): SHELLS,
    ("NotifyShape", "on"): tuple(NotifyOn),
    ("PipelineShape", "trigger"): TRIGGERS,
    ("Step", "shell"): SHELLS,
    ("Test", "coverage_format"): COVERAGE_FORMATS,
    ("Test", "format"): TEST_FORMATS,
    ("Versioning", "auto_bump"): BUMPS,
}
"""The keys whose texts are words, by shape and key."""

_REQUIRED: dict[str, tuple[str, ...]] = {
    "ArtifactShape": ("paths",),
    "CacheSpec": ("id",),
    "ChainShape": ("id", "pipelines"),
    "ConcurrencyShape": ("group",),
    "FileShape": ("version", "project"),
    "IncludeShape": ("file",),
    "JobShape": ("id", "steps"),
    "NamingShape": ("name",),
    "NeedShape": ("job",),
    "NotifyShape": ("on",),
    "PipelineShape": ("id", "jobs"),
    "Schedule": ("cron",),
    "SecretRef": ("name", "path", "key"),
    "ServiceSpec": ("image", "name"),
    "Test": ("command", "report"),
    "VaultUse": ("connection",),
    "VcsSourceShape": ("repo",),
}

_ATTRIBUTE = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)
"""An attribute, or several, in a docstring."""

_SCALAR: _Node = {"type": ["string", "number", "boolean", "null"]}
"""A text: it is taken as it is written, so what YAML takes for a number is a text too."""


def schema_text() -> str:
    """Return the schema as it lies in `docs/`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> _Node:
    """Return the schema of a file, with one definition for each shape."""
    writer = _Writer()
    root = writer.node(inspect.type_info(FileShape))
    return {"$schema": _DIALECT, "title": "Project file of cictl", **root, "$defs": dict(sorted(writer.shapes.items()))}


class _Writer:
    def __init__(self) -> None:
        self.shapes: dict[str, _Node] = {}

    def node(self, kind: inspect.Type) -> _Node:
        """Return the schema of a value."""
        match kind:
            case inspect.StructType():
                return self._reference(kind)
            case inspect.ListType():
                return {"type": ["array", "null"], "items": self.node(kind.item_type)}
            case inspect.DictType():
                return {"type": ["object", "null"], "additionalProperties": self.node(kind.value_type)}
            case inspect.IntType():
                return {"type": ["integer", "null"]}
            case inspect.BoolType():
                return {"type": ["boolean", "null"]}
            case inspect.UnionType():
                present = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
                forms = [self.node(member) for member in present]
                return forms[0] if len(forms) == 1 else {"anyOf": forms}
        return _SCALAR

    def _reference(self, kind: inspect.StructType) -> _Node:
        name = _name(kind)
        if name not in self.shapes:
            self.shapes[name] = {}  # before its own fields are looked at
            self.shapes[name] = self._shape(kind)
        return {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}

    def _shape(self, kind: inspect.StructType) -> _Node:
        own = kind.cls.__name__
        told = _attributes(kind.cls)
        properties = {field.encode_name: self._field(own, field) | told.get(field.name, {}) for field in kind.fields}
        required = list(_REQUIRED.get(own, ()))
        node: _Node = {"type": "object", "properties": properties, "additionalProperties": False}
        return node | ({"required": required} if required else {})

    def _field(self, owner: str, field: inspect.Field) -> _Node:
        words = _WORDS.get((owner, field.encode_name))
        if words and isinstance(field.type, inspect.ListType):
            node: _Node = {"type": ["array", "null"], "items": {"enum": [*words]}}
        else:
            node = {"enum": [*words, None]} if words else self.node(field.type)
        if owner == "VcsSourceShape" and field.encode_name == "submodules":
            node = {"enum": [*SUBMODULES, True, False, None]}
        if field.default not in (NODEFAULT, None, "") and isinstance(field.default, bool | int):
            node = {**node, "default": field.default}
        return node


def _attributes(shape: type) -> dict[str, _Node]:
    """Return the description of each attribute that the docstring of *shape* tells, by its name in Python."""
    lines = (getdoc(shape) or "").partition("\nAttributes:\n")[2]
    found = ((match["names"].split(", "), " ".join(match["text"].split())) for match in _ATTRIBUTE.finditer(lines))
    return {name: {"description": text} for names, text in found for name in names}


def _name(kind: inspect.StructType) -> str:
    """Return the shape's name for people, such as `Job`."""
    return kind.cls.__name__.removesuffix("Shape").removesuffix("Spec")
