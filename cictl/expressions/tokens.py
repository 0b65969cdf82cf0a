"""The words of an expression."""

from __future__ import annotations

import re
from typing import NamedTuple

from cictl.expressions.errors import ExpressionError

KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false"})
MOST_DIGITS = 15
"""A number with more of them could not be compared exactly."""

_TOKEN = re.compile(
    r"""
      (?P<text>   '[^']*' | "[^"]*" )
    | (?P<number> -?[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]) )
    | (?P<name>   [A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)* )
    | (?P<sign>   == | != | <= | >= | [<>()\[\],] )
    """,
    re.VERBOSE,
)
_BLANK = re.compile(r"[ \t\r\n]*")
_MEANT = {"&": "write and", "|": "write or", "!": "write not", "=": "write =="}


class Token(NamedTuple):
    """One word.

    Attributes:
        kind: text, number, name, keyword, sign or end.
        text: As written; a text with its quotes.
        column: 1-based, in characters.
    """

    kind: str
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """Return the words of *text*, and last one of kind ``end``.

    Raises:
        ExpressionError: It has something that begins no word, a text without its closing quote, or a number of too many digits.
    """
    found: list[Token] = []
    place = _skip_blanks(text, 0)
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise ExpressionError(place + 1, _no_word(text, place))
        found.append(_token(match))
        place = _skip_blanks(text, match.end())
    return [*found, Token("end", "", place + 1)]


def _skip_blanks(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place


def _token(match: re.Match[str]) -> Token:
    kind, word, column = match.lastgroup or "", match.group(), match.start() + 1
    if kind == "number" and sum(map(str.isdigit, word)) > MOST_DIGITS:
        raise ExpressionError(column, f"a number has at most {MOST_DIGITS} digits; write a text in quotes")
    return Token("keyword" if word in KEYWORDS else kind, word, column)


def _no_word(text: str, place: int) -> str:
    first = text[place]
    if first in "'\"":
        return f"the text has no closing {first}"
    if text.startswith("{{", place):
        return "names stand without {{ }} here"
    if first.isdigit():
        return "a number is written as 3 or 2.5; write a text in quotes"
    return f"unexpected {first!r}" + (f"; {_MEANT[first]}" if first in _MEANT else "")
