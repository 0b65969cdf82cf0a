"""A line of a log as a terminal would show it: colours as classes, `\\r` folded, everything else as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

import msgspec
from markupsafe import Markup, escape
from msgspec.structs import replace

from cictl.base.text.characters import STEERING

_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # moves, erases
    r"|\x1b[PX\]^_].*?(?:\x07|\x1b\\|$)"  # titles, links
    r"|\x1b[ -/]*[0-Z\\`-~]"
)
_STEERING = re.compile(f"(?!\t)[{STEERING}]")
_STYLES = {1: "b", 2: "d", 3: "i", 4: "u", 7: "v", 9: "s"}
_ENDS = {22: "bd", 23: "i", 24: "u", 27: "v", 29: "s"}
_REMEMBERED = 512
_LEVELS = (0, 95, 135, 175, 215, 255)


class _Pen(msgspec.Struct, frozen=True, dict=True):
    """How a terminal writes at the moment: the number of a colour of 16, or None, and letters of `_STYLES`."""

    ink: int | None = None
    paper: int | None = None
    styles: str = ""

    @cached_property
    def classes(self) -> str:
        names = [f"t-{style}" for style in self.styles]
        names += [f"f{self.ink}"] if self.ink is not None else []
        names += [f"g{self.paper}"] if self.paper is not None else []
        return " ".join(names)


def terminal_line(text: str) -> Markup:
    """Return a line as markup. Each one begins without colour, so that it looks the same wherever a window begins."""
    folded = _folded(text)
    if "\x1b" not in folded:
        return _escaped(folded)
    pieces = (_in_ink(_escaped(piece), pen.classes) for piece, pen in _pieces(folded))
    return Markup("".join(pieces))  # noqa: S704  # nosec B704 - each piece is escaped


def _escaped(text: str) -> Markup:
    return escape(text if text.isascii() and text.isprintable() else _STEERING.sub(_named, text))


def _in_ink(inside: Markup, classes: str) -> str:
    return f'<span class="{classes}">{inside}</span>' if classes else inside


def _folded(text: str) -> str:
    """Return what is left of *text* when each `\\r` goes back to its beginning and the next part covers it."""
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")


def _pieces(text: str) -> Iterator[tuple[str, _Pen]]:
    pen, at = _Pen(), 0
    for found in _SEQUENCE.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], pen
        at = found.end()
        if found["sgr"] is not None:
            pen = _after(pen, found["sgr"])
    if at < len(text):
        yield text[at:], pen


def _named(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


@lru_cache(_REMEMBERED)
def _after(pen: _Pen, parameters: str) -> _Pen:
    """Return how it is written after a sequence. There are few in most logs, and they come again and again."""
    codes = iter(int(code or 0) % 1000 for code in parameters.replace(":", ";").split(";"))
    for code in codes:
        match code:
            case 0:
                pen = _Pen()
            case 38 | 48:
                colour = _colour(codes)
                pen = replace(pen, ink=colour) if code == 38 else replace(pen, paper=colour)
            case 39:
                pen = replace(pen, ink=None)
            case 49:
                pen = replace(pen, paper=None)
            case _ if code in _STYLES:
                pen = replace(pen, styles="".join(sorted({*pen.styles, _STYLES[code]})))
            case _ if code in _ENDS:
                pen = replace(pen, styles="".join(style for style in pen.styles if style not in _ENDS[code]))
            case _ if 30 <= code <= 37 or 90 <= code <= 97:
                pen = replace(pen, ink=code - 30 if code < 90 else code - 82)
            case _ if 40 <= code <= 47 or 100 <= code <= 107:
                pen = replace(pen, paper=code - 40 if code < 100 else code - 92)
    return pen


def _colour(codes: Iterator[int]) -> int | None:
    """Return the one of 16 colours that comes next to the one of 256, or of 16 million, that follows."""
    match next(codes, 0):
        case 5:
            return _of_256(next(codes, 0))
        case 2:
            return _nearest(next(codes, 0), next(codes, 0), next(codes, 0))
    return None


def _of_256(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        return (0, 8, 7, 15)[min(3, (number - 232) // 6)]
    cube = number - 16
    return _nearest(_LEVELS[cube // 36 % 6], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6])


def _nearest(red: int, green: int, blue: int) -> int:
    brightest = max(red, green, blue)
    if brightest - min(red, green, blue) < 32:
        return (0, 8, 7, 15)[min(3, brightest // 64)]
    half = (brightest + min(red, green, blue)) / 2
    hue = (red > half) + 2 * (green > half) + 4 * (blue > half)
    return hue + (8 if brightest > 215 else 0)
