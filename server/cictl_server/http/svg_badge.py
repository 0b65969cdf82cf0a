"""Badges as SVG: a name, and beside it a word on a colour. No font and no file from elsewhere is needed."""

from __future__ import annotations

from enum import StrEnum
from html import escape

_LONGEST = 60
"""Characters of a name that are shown."""

_PADDING = 6
_WIDTH, _WIDE, _NARROW = 7, 10, 4
"""How wide characters are, about. `textLength` makes every font keep to it."""


class Colour(StrEnum):
    GREEN = "#2e7d32"
    RED = "#c62828"
    GREY = "#757575"


def svg_badge(name: str, message: str, colour: Colour) -> str:
    """Return the badge that says *message* of *name*."""
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    left, right = _width(shown), _width(message)
    boxes = left + right + 4 * _PADDING
    title = f"{escape(name)}: {escape(message)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{boxes}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{boxes}" height="20" rx="3" fill="#424242"/>'
        f'<path d="M{left + 2 * _PADDING} 0H{boxes - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1 -3 3H{left + 2 * _PADDING}z" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(shown, x=_PADDING, width=left)}{_text(message, x=left + 3 * _PADDING, width=right)}"
        "</g></svg>\n"
    )


def _text(text: str, *, x: int, width: int) -> str:
    return f'<text x="{x}" y="14" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def _width(text: str) -> int:
    return sum(
        _NARROW if char in "ijl.,:;|!' " else _WIDE if char in "mwMW" or ord(char) > 0x2E7F else _WIDTH for char in text
    )
