"""JSON near a schema and far from it, as text: also what no JSON library would write, such as `1e999` or a key twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from cictl_testing.fuzz.mutations import mostly

Json = Mapping[str, Any]
Texts = st.SearchStrategy[str]

# Surrogates too: a JSON escape may be half a pair.
STRINGS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\0", "\ud800", "a\r\nb: c", "../x", "/", "é" * 130, "x" * 5000, "***", "{{ secret.x }}", "-1", "NaN"]
)
INTEGERS = st.integers(-(2**63), 2**63 - 1).map(str) | st.sampled_from(["0", "1", "-1", str(2**31), str(2**63 - 1)])
NUMBERS = INTEGERS | st.sampled_from(["-0", "1.0", "1e2", "0.5", "1e999", "-1e999", str(2**63), str(2**64), "9" * 400])
INSTANTS = st.sampled_from(
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.123456789+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "now",
    ]
)
_SCALARS = STRINGS.map(json.dumps) | NUMBERS | st.sampled_from(["null", "true", "false"])
_BROKEN = st.sampled_from(
    ["", "{", "nul", "NaN", "Infinity", "'a'", "[1,]", "[" * 3000, '{"a":' * 3000, '"\\ud800"', '"\t"']
)


def _array(items: Sequence[str]) -> str:
    return f"[{','.join(items)}]"


def _object(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"


def _nested(inner: Texts) -> Texts:
    lists = st.lists(inner, max_size=3).map(_array)
    return st.one_of(inner, lists, st.lists(st.tuples(STRINGS, inner), max_size=3).map(_object))


ANY_JSON: Texts = _nested(_nested(_SCALARS))


class JsonTexts:
    """Makes texts for the schemas of one OpenAPI document.

    Attributes:
        likely: By key, what its value should be most of the time, such as an id that exists.
    """

    def __init__(self, components: Mapping[str, Json], likely: Mapping[str, Sequence[object]]) -> None:
        self._components = components
        self._likely = likely
        self._made: dict[str, Texts] = {}

    def body(self, schema: Json) -> Texts:
        """Return bodies of a request: most of them near *schema*, some far from it, some no JSON at all."""
        return mostly(self._of(schema), ANY_JSON | _BROKEN, times=6)

    def _of(self, schema: Json, key: str = "") -> Texts:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in self._made:
                self._made[name] = st.deferred(lambda: self._fitting(self._components[name]))
            return self._made[name]
        fitting = self._fitting(schema)
        return (
            mostly(st.sampled_from([*map(json.dumps, self._likely[key])]), fitting) if key in self._likely else fitting
        )

    def _fitting(self, schema: Json) -> Texts:
        if "anyOf" in schema:
            return st.one_of(*map(self._of, schema["anyOf"]))
        if "enum" in schema:
            return st.sampled_from(schema["enum"]).map(json.dumps)
        match schema.get("type"):
            case "object" if "properties" in schema:
                return self._struct(schema["properties"])
            case "object":
                value = self._of(schema.get("additionalProperties") or {})
                return st.lists(st.tuples(STRINGS, value), max_size=3).map(_object)
            case "array":
                return st.one_of(
                    [st.lists(self._of(schema["items"]), min_size=n, max_size=2).map(_array) for n in (0, 1, 1)]
                )
            case "string":
                return (INSTANTS if schema.get("format") == "date-time" else STRINGS).map(json.dumps)
            case "integer":
                return mostly(INTEGERS, NUMBERS)
            case "number":
                return NUMBERS
            case "boolean":
                return st.sampled_from(["true", "false"])
            case "null":
                return st.just("null")
            case _:
                return ANY_JSON

    def _struct(self, properties: Mapping[str, Json]) -> Texts:
        """Return objects with some of the keys, now and then one in another case, or with a value of another type."""
        pairs = [
            st.tuples(mostly(st.just(key), st.just(key.upper())), mostly(self._of(field, key), ANY_JSON))
            for key, field in properties.items()
        ]
        needed = [pair for pair, key in zip(pairs, properties, strict=True) if key in self._likely]
        others = st.lists(st.one_of(*pairs), max_size=8)
        return st.tuples(st.tuples(*needed), others).map(lambda drawn: _object([*drawn[0], *drawn[1]]))
