"""JSON schemas of the wire types, for answers and for requests.

Both share types but differ in what is required: an answer always holds some keys that a request may leave out. If the two
schemas of a type differ, that of requests is named `<Type>Input`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, get_args

import msgspec

from cictl.base.job_parts import JobPart
from cictl.wire.codec import Message
from cictl_server.apidoc.operations import attributes, wire_types

Json = dict[str, Any]

_REF = "#/components/schemas/"
_NULL: Json = {"type": "null"}


class Schemas:
    """The components of one document, and references to them."""

    def __init__(self, *, answers: Iterable[type[Message]], requests: Iterable[type[Message]]) -> None:
        self._answers = _components(answers, is_answer=True)
        asked = _components(requests, is_answer=False)
        self._different = _different(asked, self._answers)
        renamed = {self._request_name(name): self._renamed(schema) for name, schema in asked.items()}
        self.components: dict[str, Json] = dict(sorted((self._answers | renamed).items()))

    def answer(self, message: type[Message]) -> Json:
        return {"$ref": _REF + message.__name__}

    def request(self, message: type[Message]) -> Json:
        return {"$ref": _REF + self._request_name(message.__name__)}

    def _request_name(self, name: str) -> str:
        return f"{name}Input" if name in self._different else name

    def _renamed(self, schema: Any) -> Any:
        """Return *schema* with its references changed to the schemas of requests."""
        if isinstance(schema, dict):
            return {
                key: _REF + self._request_name(value.removeprefix(_REF)) if key == "$ref" else self._renamed(value)
                for key, value in schema.items()
            }
        return [self._renamed(item) for item in schema] if isinstance(schema, list) else schema


def is_always_sent(struct: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> bool:
    """Tell whether an answer always holds the key: its message omits none, it has no default, or `int` or `str` makes it."""
    if not struct.__struct_config__.omit_defaults:
        return True
    return field.required or (field.default_factory is not msgspec.NODEFAULT and field.default_factory in (int, str))


def _components(types: Iterable[type[Message]], *, is_answer: bool) -> dict[str, Json]:
    _, components = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
    for name, schema in components.items():
        schema.pop("title", None)
        if name in wire_types():
            _complete(schema, wire_types()[name], is_answer=is_answer)
        elif "enum" in schema:
            schema["type"] = "string"
    return components


def _complete(schema: Json, struct: type[Message | JobPart], *, is_answer: bool) -> None:
    """Add what msgspec leaves out: texts of keys, the format of instants, and the keys that are always there."""
    text, told = attributes(struct)
    schema.pop("description", None)
    if text:
        schema["description"] = text
    fields = msgspec.structs.fields(struct)
    for field in fields:
        name = field.encode_name
        described = schema["properties"][name]
        if field.type is datetime or datetime in get_args(field.type):
            described = _with_instants(described)
        if is_answer and field.default is None:
            described = _without_null(described)
        schema["properties"][name] = described | ({"description": told[name]} if name in told else {})
    required = [f.encode_name for f in fields if f.required or (is_answer and is_always_sent(struct, f))]
    schema.pop("required", None)
    if required:
        schema["required"] = required


def _with_instants(schema: Json) -> Json:
    if "anyOf" in schema:
        return schema | {"anyOf": [s if s == _NULL else s | {"format": "date-time"} for s in schema["anyOf"]]}
    return schema | {"format": "date-time"}


def _without_null(schema: Json) -> Json:
    """Return the schema of a key that is left out rather than null."""
    options = [s for s in schema["anyOf"] if s != _NULL]
    return dict(options[0]) if len(options) == 1 else {"anyOf": options}


def _different(asked: dict[str, Json], answered: dict[str, Json]) -> set[str]:
    """Return the names whose two schemas differ, or refer to one that differs."""
    different = {name for name in asked.keys() & answered.keys() if asked[name] != answered[name]}
    while True:
        led = {name for name in asked.keys() & answered.keys() if different & _references(asked[name])} - different
        if not led:
            return different
        different |= led


def _references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix(_REF)} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in schema.values()))
    return set().union(*(_references(item) for item in schema)) if isinstance(schema, list) else set()
