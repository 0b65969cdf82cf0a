"""The nodes of a parsed expression. Two trees are equal if they mean the same; their columns may differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as OneOf

import msgspec

Operator = OneOf["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


class Node(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A part of an expression.

    Attributes:
        column: Where it begins, 1-based, in characters. A comparison, `and` and `or` begin at their operator.
    """

    column: int = 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and type(self) is type(other) and self._meaning() == other._meaning()

    def __hash__(self) -> int:
        return hash((type(self), self._meaning()))

    def _meaning(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "column")

    def parts(self) -> tuple[Node, ...]:
        """Return the nodes directly beneath this one, from left to right."""
        return ()


class Literal(Node, frozen=True, kw_only=True, eq=False):
    """A text, a number, `true` or `false`."""

    value: str | int | float | bool


class Name(Node, frozen=True, kw_only=True, eq=False):
    """Something to look up, such as `branch` or `needs.build.outputs.version`."""

    name: str


class Status(Node, frozen=True, kw_only=True, eq=False):
    """Asks how the work went so far: `success()`, `failure()` or `always()`."""

    function: str


class ListOf(Node, frozen=True, kw_only=True, eq=False):
    """The right side of an `in`."""

    items: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        """Return the items."""
        return self.items


class Not(Node, frozen=True, kw_only=True, eq=False):
    """True if `operand` is false."""

    operand: Node

    def parts(self) -> tuple[Node, ...]:
        """Return the operand."""
        return (self.operand,)


class Comparison(Node, frozen=True, kw_only=True, eq=False):
    """Compares two values."""

    operator: Operator
    left: Node
    right: Node

    def parts(self) -> tuple[Node, ...]:
        """Return both sides."""
        return (self.left, self.right)


class And(Node, frozen=True, kw_only=True, eq=False):
    """True if all of its operands are. It has at least two, and none of them is an `And`."""

    operands: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        """Return the operands."""
        return self.operands


class Or(Node, frozen=True, kw_only=True, eq=False):
    """True if any of its operands is. It has at least two, and none of them is an `Or`."""

    operands: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        """Return the operands."""
        return self.operands


def walk(tree: Node) -> Iterator[Node]:
    """Yield *tree* and all nodes beneath it, from left to right."""
    yield tree
    for part in tree.parts():
        yield from walk(part)


def names(tree: Node) -> list[Name]:
    """Return each use of a name in *tree*, from left to right."""
    return [node for node in walk(tree) if isinstance(node, Name)]


def asks_for_status(tree: Node) -> bool:
    """Tell whether *tree* asks how the work went. If it doesn't, its user lets it hold only where all went well."""
    return any(isinstance(node, Status) for node in walk(tree))
