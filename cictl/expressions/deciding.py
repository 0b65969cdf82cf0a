"""Deciding an expression as far as it can be: what is left asks how the work went, or for names that have no value yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from cictl.expressions.evaluation import Lookup, evaluate
from cictl.expressions.parsing import parse
from cictl.expressions.printing import print_expression
from cictl.expressions.tree import And, Literal, Node, Not, Or, asks_for_status, names

NEVER = "false"
"""The condition of what does not run."""
ALWAYS = "always()"
"""The condition of what runs however the work went."""


def decide(condition: str, values: Mapping[str, str], *, is_open: Callable[[str], bool] = lambda name: False) -> str:
    """Return *condition* without the parts that can be decided.

    `branch == 'main' and always()` becomes `always()`. A condition that does not ask how the work went holds only where all
    went well: it becomes an empty text, which means that, or `NEVER`.

    Args:
        condition: A good one, or an empty text.
        values: Of each name. One without a value is an empty text.
        is_open: Tells of a name whether it has no value yet.

    Raises:
        ExpressionError: An order is asked of something that is no number.
    """
    if not condition:
        return ""
    whole = parse(condition)
    tree = _Deciding(values, is_open).decided(whole)
    if not isinstance(tree, Literal):
        return print_expression(tree)
    if not tree.value:
        return NEVER
    return ALWAYS if asks_for_status(whole) else ""


def holds(condition: str, lookup: Lookup = lambda name: "", *, has_failed: bool) -> bool:
    """Tell whether *condition* holds. One that does not ask how the work went, or an empty one, holds only where all went well.

    Args:
        lookup: Is asked for each name that is needed.

    Raises:
        ExpressionError: An order is asked of something that is no number.
    """
    if not condition:
        return not has_failed
    tree = parse(condition)
    if has_failed and not asks_for_status(tree):
        return False
    return evaluate(tree, lookup, has_failed=has_failed)


class _Deciding:
    def __init__(self, values: Mapping[str, str], is_open: Callable[[str], bool]) -> None:
        self._values = values
        self._is_open = is_open

    def decided(self, tree: Node) -> Node:
        if not asks_for_status(tree) and not any(self._is_open(name.name) for name in names(tree)):
            return Literal(value=evaluate(tree, lambda name: self._values.get(name, "")))
        match tree:
            case And():
                return self._joined(tree, ends=False)
            case Or():
                return self._joined(tree, ends=True)
            case Not():
                operand = self.decided(tree.operand)
                return Literal(value=not operand.value) if isinstance(operand, Literal) else Not(operand=operand)
        return tree

    def _joined(self, tree: And | Or, *, ends: bool) -> Node:
        """Return *tree* without the operands that say nothing; one that is *ends* decides it alone."""
        operands = [self.decided(operand) for operand in tree.operands]
        if any(isinstance(operand, Literal) and operand.value is ends for operand in operands):
            return Literal(value=ends)
        left = tuple(operand for operand in operands if not isinstance(operand, Literal))
        if not left:
            return Literal(value=not ends)
        return left[0] if len(left) == 1 else replace(tree, operands=left)
