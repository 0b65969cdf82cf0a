"""The inputs of a pipeline: what they may be, and the values of those that a run was not given."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.expressions.evaluation import NUMBER
from cictl.project_file.definition import Input, InputType
from cictl.project_file.findings import quote

INPUT = "input."
"""How the name of an input begins in templates and conditions."""

MAX_INPUT = 10_000
"""How many characters the value of an input may have."""

_BOOLEANS = ("true", "false")


def value_problem(declared: Input, value: str) -> str:
    """Return why *value* can't be the value of an input, with what is allowed; empty if it can."""
    match declared.type:
        case InputType.CHOICE if value not in declared.options:
            return f"{quote(value)} is none of its options: {', '.join(declared.options)}"
        case InputType.NUMBER if not NUMBER.fullmatch(value):
            return f"{quote(value)} is no number such as 3 or -1.5"
        case InputType.BOOLEAN if value not in _BOOLEANS:
            return f"{quote(value)} is neither true nor false"
    if len(value) > MAX_INPUT:
        return f"it has {len(value)} characters; at most {MAX_INPUT} are allowed"
    return "it has a NUL" if "\0" in value else ""


def value_without(declared: Input) -> str:
    """Return the value of an input that a run was not given: its default, else what its type has without one."""
    if declared.default is not None:
        return declared.default
    match declared.type:
        case InputType.CHOICE:
            return declared.options[0]
        case InputType.NUMBER:
            return "0"
        case InputType.BOOLEAN:
            return "false"
    return ""


def input_names(declared: Mapping[str, object]) -> set[str]:
    """Return the names of inputs as templates and conditions have them."""
    return {INPUT + name for name in declared}
