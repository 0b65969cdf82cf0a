"""Patterns of artifact paths: `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` for any number of directories."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

_ANY_DEPTH = "**"
_MOST_ALTERNATIVES = 1000

State = tuple[int, int]


class BadPattern(ValueError):
    """The pattern is malformed; the text says how."""


class GlobSet:
    """Several patterns, matched together while a walker goes down a tree, name by name.

    The walker begins with `start`, calls `step` with each name, and skips a directory whose states are empty. Case
    matters. Dot files are ordinary. A pattern that begins with `./` or `/`, or holds `..`, matches nothing: no name in a
    tree is empty or made of dots.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns.

        Raises:
            BadPattern: One of them is malformed.
        """
        self._rules = [_segments(alternative) for pattern in patterns for alternative in _expanded(pattern)]
        self.start = self._closed({(rule, 0) for rule in range(len(self._rules))})

    def step(self, states: frozenset[State], name: str) -> frozenset[State]:
        """Return the states after the next *name* of a path; empty when neither it nor anything below can match."""
        following: set[State] = set()
        for rule, position in states:
            segments = self._rules[rule]
            if position == len(segments):
                continue
            segment = segments[position]
            if segment is None:
                following.add((rule, position))
            elif segment.fullmatch(name):
                following.add((rule, position + 1))
        return self._closed(following)

    def accepts(self, states: frozenset[State]) -> bool:
        """Tell whether the path that led to *states* matches."""
        return any(position == len(self._rules[rule]) for rule, position in states)

    def matches(self, path: str) -> bool:
        """Tell whether a relative path with `/` between its names matches."""
        states = self.start
        for name in path.split("/"):
            states = self.step(states, name)
        return self.accepts(states)

    def _closed(self, states: set[State]) -> frozenset[State]:
        """Add the states that need no further name, since `**` may stand for no directory at all."""
        found = set(states)
        for rule, start in states:
            position = start
            while position < len(self._rules[rule]) and self._rules[rule][position] is None:
                position += 1
                found.add((rule, position))
        return frozenset(found)


def _segments(pattern: str) -> list[re.Pattern[str] | None]:
    """Return one regular expression for each name of a pattern, and None for `**`."""
    return [None if part == _ANY_DEPTH else re.compile(_expression(part), re.DOTALL) for part in pattern.split("/")]


def _expression(segment: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(segment):
        char = segment[position]
        if char == "[":
            end = _class_end(segment, position)
            parts.append(_character_class(segment[position + 1 : end]))
            position = end
        elif char == "\\":
            position += 1
            if position == len(segment):
                raise BadPattern("it ends in a backslash")
            parts.append(re.escape(segment[position]))
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        position += 1
    return "".join(parts)


def _class_end(text: str, start: int) -> int:
    """Return where the class that opens at *start* closes; a `]` right after the opening is a member."""
    position = start + 1
    if text[position : position + 1] in ("!", "^"):
        position += 1
    position += 1
    while position < len(text) and text[position] != "]":
        position += 2 if text[position] == "\\" else 1
    if position >= len(text):
        raise BadPattern("a [ is not closed")
    return position


def _character_class(body: str) -> str:
    is_negated = body[0] in ("!", "^")
    members = body[1:] if is_negated else body
    safe = re.sub(r"\\(.)", lambda m: "\\" + m[1] if not m[1].isalnum() else m[1], members, flags=re.DOTALL)
    safe = re.sub(r"(?<!\\)([\[&~|^])", r"\\\1", safe)
    if safe.startswith("]"):
        safe = "\\" + safe
    expression = f"[^/{safe}]" if is_negated else f"(?!/)[{safe}]"
    try:
        re.compile(expression)
    except re.error as error:
        raise BadPattern(f"[{body}] is not a set of characters") from error
    return expression


def _expanded(pattern: str) -> list[str]:
    """Return the patterns that `{a,b}` stands for; alternatives may nest and hold `/`."""
    opening = _find(pattern, "{", 0)
    if opening is None:
        if _find(pattern, "}", 0) is not None:
            raise BadPattern("a } was not opened")
        return [pattern]
    closing, commas = _brace_end(pattern, opening)
    bounds = [opening, *commas, closing]
    choices = [pattern[a + 1 : b] for a, b in pairwise(bounds)]
    before, after = pattern[:opening], pattern[closing + 1 :]
    results: list[str] = []
    for choice in choices:
        results += _expanded(before + choice + after)
        if len(results) > _MOST_ALTERNATIVES:
            raise BadPattern(f"it has more than {_MOST_ALTERNATIVES} alternatives")
    return results


def _brace_end(pattern: str, opening: int) -> tuple[int, list[int]]:
    """Return where the brace at *opening* closes, and the commas between its own alternatives."""
    depth = 0
    commas: list[int] = []
    for position in _plain_positions(pattern, opening):
        char = pattern[position]
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return position, commas
        elif char == "," and depth == 1:
            commas.append(position)
    raise BadPattern("a { is not closed")


def _find(pattern: str, char: str, start: int) -> int | None:
    return next((p for p in _plain_positions(pattern, start) if pattern[p] == char), None)


def _plain_positions(pattern: str, start: int) -> Iterable[int]:
    """Yield the positions that are neither in a class nor escaped."""
    position = start
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
        elif pattern[position] == "[":
            position = _class_end(pattern, position) + 1
        else:
            yield position
            position += 1
