"""Constraints on the version of a tool, such as `>=1.20` or `>=2,<3`, as they are written, and the names of tools."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from cictl.base.versions import semantic_key

ALLOWED = (
    "allowed are *, a version (1.2.3), and >=, <=, >, <, == or != before a version, several joined by commas (>=2,<3)"
)
"""What a constraint may be, for messages."""

_OPERATORS = (">=", "<=", "==", "!=", ">", "<", "=")
_EXACT = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
_TOOL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", re.ASCII)


class Part(NamedTuple):
    """One of the comparisons that a version must pass.

    Attributes:
        operator: Empty if the version must be the same text.
        version: What stands behind the operator; may be empty.
    """

    operator: str
    version: str


def is_tool_name(text: str) -> bool:
    """Tell whether *text* can name a tool: 1 to 64 letters, digits and `._+-`, so neither a path nor an option."""
    return _TOOL.fullmatch(text) is not None


def parts_of(constraint: str) -> list[Part]:
    """Return the parts of *constraint*, whatever it is. `*` is a part without operator."""
    return [_part(text.strip()) for text in constraint.split(",")]


def problem_of(constraint: str) -> str:
    """Return why no version can satisfy *constraint*, or why it can't be understood; empty for a good one."""
    if constraint.strip() in ("", "*"):
        return ""
    parts = parts_of(constraint)
    is_range = len(parts) > 1
    for part in parts:
        if problem := _problem_of_part(part, in_range=is_range):
            return f"{problem}; {ALLOWED}"
    return "no version can satisfy all of its parts" if is_range and _is_empty(parts) else ""


def _part(text: str) -> Part:
    operator = next((o for o in _OPERATORS if text.startswith(o)), "")
    return Part(operator, text.removeprefix(operator).strip())


def _problem_of_part(part: Part, *, in_range: bool) -> str:
    if not part.operator and not part.version:
        return "has nothing before or behind a comma"
    if not part.version:
        return f"has no version behind {part.operator}"
    if part.operator:
        return "" if semantic_key(part.version) else f'"{part.version[:40]}" is no version'
    if in_range:
        return f'"{part.version[:40]}" has no operator'
    return "" if _EXACT.fullmatch(part.version) else f'no tool tells the version "{part.version[:40]}"'


def _is_empty(parts: Iterable[Part]) -> bool:
    """Tell whether no version passes all *parts*, each of which has an operator and a version."""
    known = [(part.operator, key) for part in parts if (key := semantic_key(part.version))]
    equal = ("==", "=")
    # Of bounds with the same version the one without it is stricter: True is above False, and False below True.
    lower = max(((key, operator == ">") for operator, key in known if operator in (">=", ">", *equal)), default=None)
    upper = min(((key, operator != "<") for operator, key in known if operator in ("<=", "<", *equal)), default=None)
    if lower is None or upper is None or lower[0] < upper[0]:
        return False
    is_one_version = lower[0] == upper[0] and not lower[1] and upper[1]
    return not is_one_version or ("!=", lower[0]) in known
