"""YAML with comments, written by hand: no library keeps them apart from values as this needs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_LONGEST = 100
"""How long a list or mapping in one line may be."""

_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_PLAIN = re.compile(r"[A-Za-z0-9_./$][^\n\t#:\"'{}\[\],&*!|>%@`]*")
_IN_FLOW = re.compile(r"[^\n\t#:\"'{}\[\],&*!|>%@`]*")


class Remark(str):
    """An item of a list that is a comment and nothing else."""


class Block:
    """A mapping in the making: keys in their order, and comments before them or at the end."""

    def __init__(self, **values: Any) -> None:
        self.items: list[tuple[str, Any] | Remark] = [
            (key, value) for key, value in values.items() if value not in (None, "", [], {})
        ]

    def __bool__(self) -> bool:
        return any(not isinstance(item, Remark) for item in self.items)

    def __contains__(self, key: str) -> bool:
        return any(item[0] == key for item in self.items if not isinstance(item, Remark))

    def get(self, key: str) -> Any:
        return next((item[1] for item in self.items if not isinstance(item, Remark) and item[0] == key), None)

    def put(self, key: str, value: Any) -> None:
        """Set a key; one that is there gets another value at its place. An empty value counts as none."""
        if value in (None, "", [], {}) or (isinstance(value, Block) and not value.items):
            return
        for number, item in enumerate(self.items):
            if not isinstance(item, Remark) and item[0] == key:
                self.items[number] = (key, value)
                return
        self.items.append((key, value))

    def note(self, text: str) -> None:
        """Add a comment; the same one twice stands once."""
        if Remark(text) not in self.items:
            self.items.append(Remark(text))


def written(block: Block) -> str:
    """Return *block* as a YAML document."""
    return "\n".join(_lines_of_block(block, "")) + "\n"


def _lines_of_block(block: Block, indent: str) -> list[str]:
    lines: list[str] = []
    for item in block.items:
        lines += _comment(item, indent) if isinstance(item, Remark) else _lines_of_key(item[0], item[1], indent)
    return lines


def _lines_of_key(key: str, value: Any, indent: str) -> list[str]:
    name = scalar(key)
    inline = in_one_line(value)
    if inline is not None and len(indent) + len(name) + len(inline) < _LONGEST:
        return [f"{indent}{name}: {inline}"]
    if isinstance(value, Block):
        return [f"{indent}{name}:", *_lines_of_block(value, f"{indent}  ")]
    if isinstance(value, list):
        return [f"{indent}{name}:", *_lines_of_list(value, f"{indent}  ")]
    return _lines_of_text(f"{indent}{name}:", str(value), f"{indent}  ")


def _lines_of_list(items: Sequence[Any], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, Remark):
            lines += _comment(item, indent)
            continue
        inline = in_one_line(item)
        if inline is not None and len(indent) + len(inline) < _LONGEST:
            lines.append(f"{indent}- {inline}")
        elif isinstance(item, Block):
            # A comment before the first key stands before the item: behind the dash it would be read with it.
            first = next((n for n, each in enumerate(item.items) if not isinstance(each, Remark)), 0)
            for remark in item.items[:first]:
                lines += _comment(str(remark), indent)
            rest = Block()
            rest.items = item.items[first:]
            inner = _lines_of_block(rest, f"{indent}  ")
            lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]] if inner else [f"{indent}- {{}}"]
        elif isinstance(item, list):
            lines += [f"{indent}-", *_lines_of_list(item, f"{indent}  ")]
        else:
            lines += _lines_of_text(f"{indent}-", str(item), f"{indent}  ")
    return lines


def _lines_of_text(head: str, text: str, indent: str) -> list[str]:
    if (
        "\n" not in text
        or not text.replace("\n", "").replace("\t", "").isprintable()
        or text.startswith((" ", "\n", "\t"))
    ):
        return [f"{head} {scalar(text)}"]
    chomp = "" if text.endswith("\n") and not text.endswith("\n\n") else "-" if not text.endswith("\n") else "+"
    body = text.removesuffix("\n")
    return [f"{head} |{chomp}", *(f"{indent}{line}" if line.strip() else "" for line in body.split("\n"))]


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}".rstrip() for line in text.splitlines()]


def in_one_line(value: Any) -> str | None:
    """Return *value* in flow style; None if it holds comments, texts of several lines or mappings of mappings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return None if "\n" in value else scalar(value)
    if isinstance(value, Block):
        if any(isinstance(item, Remark) for item in value.items):
            return None
        parts = [(scalar(key), _in_flow(each)) for key, each in value.items]
        return None if any(part is None for _, part in parts) else "{" + ", ".join(f"{k}: {v}" for k, v in parts) + "}"
    if len(value) > 1 and any(isinstance(each, Block) for each in value):
        return None
    parts_of_list = [_in_flow(each) for each in value]
    if any(part is None for part in parts_of_list):
        return None
    return "[" + ", ".join(str(part) for part in parts_of_list) + "]"


def _in_flow(value: Any) -> str | None:
    """Return a value inside a list or mapping of one line; None if it is none that reads well there."""
    if isinstance(value, Block) and any(
        isinstance(item, Remark) or isinstance(item[1], Block | list) for item in value.items
    ):
        return None
    if isinstance(value, str) and (isinstance(value, Remark) or "\n" in value):
        return None
    if isinstance(value, str) and not _IN_FLOW.fullmatch(value):
        return _quoted(value)
    return in_one_line(value)


def scalar(text: str) -> str:
    """Return *text* as a scalar of one line, plain where YAML reads it as it is."""
    plain = _PLAIN.fullmatch(text) and text == text.strip() and text not in ("null", "~") and text.isprintable()
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return *text* in quotes, and what no terminal shows as YAML escapes it."""
    return '"' + "".join(_ESCAPED.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'
