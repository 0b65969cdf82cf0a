"""Deciding conditions as far as a plan can: what is left asks only how the work went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cictl.expressions import Node, asks_for_status, evaluate, parse, print_expression
from cictl.expressions.tree import And, Literal, Not, Or

NEVER = "false"
"""The condition of what does not run."""


def decide(condition: str, values: Mapping[str, str]) -> str:
    """Return *condition* with each part decided that does not ask how the work went.

    `branch == 'main' and always()` becomes `true and always()`. A condition that does not ask at all holds only where all went
    well: it becomes an empty text, which means that, or `NEVER`.

    Args:
        values: Of each name. One without a value is an empty text.

    Raises:
        ExpressionError: An order is asked of something that is no number.
    """
    if not condition:
        return ""
    tree = _decided(parse(condition), values)
    if isinstance(tree, Literal):
        return "" if tree.value else NEVER
    return print_expression(tree)


def _decided(tree: Node, values: Mapping[str, str]) -> Node:
    if not asks_for_status(tree):
        return Literal(value=evaluate(tree, lambda name: values.get(name, "")))
    match tree:
        case And() | Or():
            return replace(tree, operands=tuple(_decided(operand, values) for operand in tree.operands))
        case Not():
            return replace(tree, operand=_decided(tree.operand, values))
    return tree
