"""Characters that steer whatever shows a text: controls, line ends, changes of the direction of writing."""

from __future__ import annotations

import re

STEERING = "\\x00-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""For a set of a regular expression: C0 with the line ends, DEL, C1, separators of lines, and what turns the direction."""

_STEERING = re.compile(f"[{STEERING}]")
_PLAIN_LINES = re.compile("[^\n]+")


def escaped(text: str) -> str:
    r"""Return *text* on one line, with each steering character as `\uXXXX`: visible, and harmless."""
    return _STEERING.sub(_escape, text)


def without_steering(text: str, *, instead: str) -> str:
    """Return *text* with *instead* in the place of each steering character."""
    return _STEERING.sub(instead, text)


def escaped_lines(text: str) -> str:
    """Return *text* with its line ends, and each line `escaped`."""
    return _PLAIN_LINES.sub(lambda line: escaped(line[0]), text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
