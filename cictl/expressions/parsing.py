"""From the text of an expression to its tree. The grammar stands in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast, get_args

from cictl.expressions.errors import ExpressionError
from cictl.expressions.tokens import Token, tokens
from cictl.expressions.tree import And, Comparison, ListOf, Literal, Name, Node, Not, Operator, Or, Status

MAX_LENGTH = 1000
"""Characters."""
MAX_DEPTH = 20
"""Of parentheses and `not` in each other."""

_MOST_KNOWN = 256
"""So many trees are remembered."""

FUNCTIONS = ("success", "failure", "always")

_COMPARISONS = frozenset(get_args(Operator))
_VALUES = "write a name, a text in quotes, a number, true or false"


@lru_cache(_MOST_KNOWN)
def parse(text: str) -> Node:
    """Return the tree of *text*. Trees never change, so the latest are remembered: all rows of a matrix have one condition.

    Raises:
        ExpressionError: It is no expression, is longer than `MAX_LENGTH` or deeper than `MAX_DEPTH`.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            MAX_LENGTH + 1, f"an expression has at most {MAX_LENGTH} characters, this one {len(text)}"
        )
    return _Parser(tokens(text)).whole()


class _Parser:
    """Reads words from left to right. Each method reads what the grammar's rule of its name says."""

    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._place = 0
        self._depth = 0

    def whole(self) -> Node:
        tree = self._or_test()
        word = self._word
        if word.kind != "end":
            raise ExpressionError(word.column, _after_the_end(word))
        return tree

    @property
    def _word(self) -> Token:
        return self._words[self._place]

    def _take(self) -> Token:
        word = self._word
        self._place += 1
        return word

    def _or_test(self) -> Node:
        column, operands = self._joined("or", self._and_test)
        return Or(operands=operands, column=column) if len(operands) > 1 else operands[0]

    def _and_test(self) -> Node:
        column, operands = self._joined("and", self._comparison)
        return And(operands=operands, column=column) if len(operands) > 1 else operands[0]

    def _joined(self, keyword: str, operand: Callable[[], Node]) -> tuple[int, tuple[Node, ...]]:
        """Return the column of the first *keyword*, and the operands around all of them; a nested one's are its own."""
        operands = [operand()]
        column = self._word.column
        while self._word.text == keyword:
            self._take()
            operands.append(operand())
        same = Or if keyword == "or" else And
        return column, tuple(
            part for each in operands for part in (each.parts() if isinstance(each, same) else (each,))
        )

    def _comparison(self) -> Node:
        left = self._unary()
        column, operator = self._word.column, self._operator()
        if not operator:
            return left
        right = self._list() if operator in ("in", "not in") and self._word.text == "[" else self._unary()
        if self._word.text in _COMPARISONS:
            raise ExpressionError(self._word.column, "one comparison can't follow another; join them with and")
        return Comparison(operator=operator, left=left, right=right, column=column)

    def _operator(self) -> Operator | None:
        word = self._word
        if word.text == "not":
            self._take()
            if self._word.text != "in":
                raise ExpressionError(word.column, "expected and, or or a comparison before not")
            self._take()
            return "not in"
        return cast(Operator, self._take().text) if word.text in _COMPARISONS else None

    def _unary(self) -> Node:
        word = self._word
        if word.text != "not":
            return self._value()
        self._take()
        self._enter(word)
        operand = self._unary()
        self._depth -= 1
        return Not(operand=operand, column=word.column)

    def _value(self) -> Node:
        word = self._word
        if word.text == "(":
            return self._parenthesis()
        if word.kind == "name":
            return self._name_or_function()
        value = _literal(word)
        if value is None:
            raise ExpressionError(word.column, self._no_value())
        self._take()
        return Literal(value=value, column=word.column)

    def _parenthesis(self) -> Node:
        opening = self._take()
        self._enter(opening)
        tree = self._or_test()
        self._depth -= 1
        if self._word.text != ")":
            raise ExpressionError(self._word.column, f"expected ) for the ( in column {opening.column}")
        self._take()
        return tree

    def _name_or_function(self) -> Node:
        word = self._take()
        if self._word.text != "(":
            return Name(name=word.text, column=word.column)
        if word.text not in FUNCTIONS:
            raise ExpressionError(
                word.column, f"there is no function {word.text}; there are success(), failure(), always()"
            )
        self._take()
        if self._word.text != ")":
            raise ExpressionError(self._word.column, f"expected ) after {word.text}(; it takes nothing")
        self._take()
        return Status(function=word.text, column=word.column)

    def _list(self) -> ListOf:
        opening = self._take()
        items: list[Node] = []
        while self._word.text != "]":
            if items and self._take().text != ",":
                raise ExpressionError(self._words[self._place - 1].column, "expected , or ] in the list")
            items.append(self._value())
        self._take()
        return ListOf(items=tuple(items), column=opening.column)

    def _enter(self, word: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(word.column, f"parentheses and not go at most {MAX_DEPTH} deep")

    def _no_value(self) -> str:
        word = self._word
        if word.text == "[":
            return "a list stands only after in"
        before = f" after {self._words[self._place - 1].text}" if self._place else ""
        instead = "" if word.kind == "end" else f", not {word.text}"
        return f"expected a value{before}{instead}; {_VALUES}"


def _literal(word: Token) -> str | int | float | bool | None:
    match word.kind:
        case "text":
            return word.text[1:-1]
        case "number":
            return float(word.text) if "." in word.text else int(word.text)
        case _:
            return {"true": True, "false": False}.get(word.text)


def _after_the_end(word: Token) -> str:
    if word.text == ")":
        return "this ) has no ("
    return f"expected and, or, a comparison or the end, not {word.text}"
