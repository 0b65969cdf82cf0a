"""Results for programs: JSON, YAML, and the answers of `--query`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from cictl.base.text.characters import escaped, escaped_lines
from cictl.base.text.plain import plain


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def to_json(message: object) -> str:
    r"""Return *message* as indented JSON with its newline.

    What could steer a terminal is written as `\uXXXX`, into pipes too: programs read the same text, and so does who looks on.
    """
    import msgspec

    return escaped_lines(msgspec.json.format(msgspec.json.encode(message), indent=2).decode()) + "\n"


def to_json_line(message: object) -> str:
    """Return *message* as JSON on one line with its newline, as `to_json` writes it."""
    import msgspec

    return escaped(msgspec.json.encode(message).decode()) + "\n"


def as_builtins(message: object) -> Any:
    import msgspec

    return msgspec.to_builtins(message)


def to_yaml(value: Any) -> str:
    """Return *value* as YAML. A text that could steer a terminal is quoted, with such characters as `\\uXXXX`."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes the texts that `escaped_lines` is going to change, since nothing else may hold escapes."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = '"' if escaped_lines(text) != text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    dumped = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return escaped_lines(str(dumped))


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
