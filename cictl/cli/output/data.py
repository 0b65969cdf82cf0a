"""Results for programs: JSON, YAML, and the answers of `--query`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from cictl.cli.output.plain import plain


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def to_json(message: object) -> str:
    """Return *message* as indented JSON with its newline."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(message), indent=2).decode() + "\n"


def as_builtins(message: object) -> Any:
    import msgspec

    return msgspec.to_builtins(message)


def to_yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False))


def queried(message: object, query: str, form: Format) -> str:
    """Return what the JMESPath expression *query* finds in *message*: YAML, one name a line, or else JSON."""
    import jmespath

    found = jmespath.search(query, as_builtins(message))
    if form is Format.YAML:
        return to_yaml(found)
    if form is Format.NAME:
        items = found if isinstance(found, list) else [found]
        return "".join(f"{plain(item) if isinstance(item, str) else to_json(item).strip()}\n" for item in items)
    return to_json(found)
