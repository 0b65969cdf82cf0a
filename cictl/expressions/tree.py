"""The nodes of a parsed expression. Two trees are equal if they mean the same; their columns may differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

Operator = OneOf["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """A part of an expression.

    Attributes:
        column: Where it begins, 1-based, in characters. A comparison, `and` and `or` begin at their operator.
    """

    column: int = field(default=1, compare=False)

    def parts(self) -> tuple[Node, ...]:
        """Return the nodes directly beneath this one, from left to right."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Literal(Node):
    """A text, a number, `true` or `false`."""

    value: str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Name(Node):
    """Something to look up, such as `branch` or `needs.build.outputs.version`."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Status(Node):
    """Asks how the work went so far: `success()`, `failure()` or `always()`."""

    function: str


@dataclass(frozen=True, kw_only=True)
class ListOf(Node):
    """The right side of an `in`."""

    items: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        """Return the items."""
        return self.items


@dataclass(frozen=True, kw_only=True)
class Not(Node):
    """True if `operand` is false."""

    operand: Node

    def parts(self) -> tuple[Node, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True, kw_only=True)
class Comparison(Node):
    """Compares two values."""

    operator: Operator
    left: Node
    right: Node

    def parts(self) -> tuple[Node, ...]:
        """Return both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, kw_only=True)
class And(Node):
    """True if all of its operands are. It has at least two, and none of them is an `And`."""

    operands: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        """Return the operands."""
        return self.operands


@dataclass(frozen=True, kw_only=True)
class Or(Node):
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
