"""What a tree means where the names have values.

A text is true unless it is empty or `false`, a number unless it is 0. `==` compares a text with a number or a truth by
what the text reads as: `'3' == 3` and `'true' == true` hold, because environment and matrix know only texts. `<` and
its kin compare numbers, and texts that read as one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from cictl.expressions.errors import ExpressionError
from cictl.expressions.tree import And, Comparison, ListOf, Literal, Name, Node, Not, Or, Status

Value = str | int | float | bool
Lookup = Callable[[str], Value]
"""From a name to its value. What has no value, such as the tag of a branch, is an empty text."""

NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
"""A text that reads as a number."""

_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(tree: Node, lookup: Lookup, *, has_failed: bool = False) -> bool:
    """Tell whether *tree* holds.

    `and` and `or` look no further than they must.

    Args:
        tree: As `parse` gave it.
        lookup: Is asked for each name that is needed.
        has_failed: What `failure()` says, and `success()` denies.

    Raises:
        ExpressionError: An order is asked of something that is no number.
    """
    return _is_true(_Evaluation(lookup, has_failed).value(tree))


class _Evaluation:
    def __init__(self, lookup: Lookup, has_failed: bool) -> None:
        self._lookup = lookup
        self._statuses = {"success": not has_failed, "failure": has_failed, "always": True}

    def value(self, node: Node) -> Value:
        match node:
            case Literal():
                return node.value
            case Name():
                return self._lookup(node.name)
            case Status():
                return self._statuses[node.function]
            case Not():
                return not self._holds(node.operand)
            case And():
                return all(map(self._holds, node.operands))
            case Or():
                return any(map(self._holds, node.operands))
            case Comparison():
                return self._compare(node)
        raise TypeError(f"no value has {type(node).__name__}")

    def _holds(self, node: Node) -> bool:
        return _is_true(self.value(node))

    def _compare(self, node: Comparison) -> bool:
        left = self.value(node.left)
        if node.operator in ("in", "not in"):
            return self._contains(node.right, left) is (node.operator == "in")
        right = self.value(node.right)
        if node.operator in ("==", "!="):
            return _are_equal(left, right) is (node.operator == "==")
        return _ORDERS[node.operator](_number(left, node.left, node), _number(right, node.right, node))

    def _contains(self, container: Node, value: Value) -> bool:
        if isinstance(container, ListOf):
            return any(_are_equal(value, self.value(item)) for item in container.items)
        return _text(value) in _text(self.value(container))


def _is_true(value: Value) -> bool:
    return value not in ("", "false") if isinstance(value, str) else bool(value)


def _are_equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return _text(left) == _text(right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    numbers = _read_number(left), _read_number(right)
    return None not in numbers and numbers[0] == numbers[1]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_number(value: Value) -> float | None:
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value) else None
    return value


def _number(value: Value, node: Node, comparison: Comparison) -> float:
    number = None if isinstance(value, bool) else _read_number(value)
    if number is None:
        what = f"{node.name} is {_text(value)!r}" if isinstance(node, Name) else f"{_text(value)!r} is none"
        raise ExpressionError(node.column, f"{comparison.operator} compares numbers; {what}")
    return number
