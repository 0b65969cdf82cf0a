"""From a tree back to a text that means the same."""

from __future__ import annotations

from decimal import Decimal

from cictl.expressions.tree import And, Comparison, ListOf, Literal, Name, Node, Not, Or, Status

_BINDING: dict[type[Node], int] = {Or: 1, And: 2, Comparison: 3, Not: 4}
"""How tightly an operator binds. Values bind tighter than all of them."""


def print_expression(tree: Node) -> str:
    """Return an expression that parses to *tree*, with single blanks and no needless parentheses."""
    match tree:
        case Literal():
            return _literal(tree.value)
        case Name():
            return tree.name
        case Status():
            return f"{tree.function}()"
        case ListOf():
            return f"[{', '.join(_within(item, 5) for item in tree.items)}]"
        case Not():
            return f"not {_within(tree.operand, 4)}"
        case Comparison():
            return f"{_within(tree.left, 4)} {tree.operator} {_within(tree.right, 4)}"
        case And():
            return " and ".join(_within(operand, 3) for operand in tree.operands)
        case Or():
            return " or ".join(_within(operand, 2) for operand in tree.operands)
    raise TypeError(f"no text has {type(tree).__name__}")


def _within(node: Node, binding: int) -> str:
    text = print_expression(node)
    return text if _BINDING.get(type(node), 5) >= binding else f"({text})"


def _literal(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quote = '"' if "'" in value else "'"
        return f"{quote}{value}{quote}"
    return format(Decimal(repr(value)), "f")
