"""Patterns of paths: `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` for any number of directories, `!` before it all.

Nothing here is a regular expression: those come from a project file, and one such as `a*a*a*a*b` could hold the interpreter
for years. What matching one name costs is bounded by the name's length times the pattern's.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

_ANY_DEPTH = "**"
_MOST_ALTERNATIVES = 1000
_MOST_BRACES = 64
_LONGEST = 4096

State = tuple[int, int]


class BadPattern(ValueError):
    """The pattern is malformed; the text says how."""


class _Characters(msgspec.Struct, frozen=True, kw_only=True):
    """What one character of a name may be: in one of the ranges, or in none of them. `?` is none of no range."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool = False

    def accepts(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.is_negated


_ANY_CHARACTER = _Characters(ranges=(), is_negated=True)

_Piece = tuple[_Characters, ...]


class _Name:
    """The pattern of one name: the pieces between its stars."""

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        self._least = sum(map(len, self._pieces))

    def matches(self, name: str) -> bool:
        """Tell whether the whole *name* matches: the outer pieces at its ends, each other at its first place between them."""
        if len(name) < self._least or (len(self._pieces) == 1 and len(name) != self._least):
            return False
        first, *rest = self._pieces
        if not _fits(first, name, 0):
            return False
        if not rest:
            return True
        *between, last = rest
        position, end = len(first), len(name) - len(last)
        for piece in between:
            found = next((p for p in range(position, end - len(piece) + 1) if _fits(piece, name, p)), None)
            if found is None:
                return False
            position = found + len(piece)
        return position <= end and _fits(last, name, end)


def _fits(piece: _Piece, name: str, start: int) -> bool:
    return all(characters.accepts(name[start + i]) for i, characters in enumerate(piece))


class _Rule(msgspec.Struct, frozen=True):
    """One alternative of a pattern: its names, with None for `**`, and the position of the pattern in its set."""

    names: tuple[_Name | None, ...]
    pattern: int
    excludes: bool


class GlobSet:
    """Several patterns, matched together while a walker goes down a tree, name by name.

    The walker begins with `start`, calls `step` with each name, and skips a directory whose states are empty. Case
    matters. Dot files are ordinary. A pattern that begins with `./` or `/`, or holds `..`, matches nothing: no name in a
    tree is empty or made of dots.

    A pattern after `!` takes away what the others match, wherever it stands in the list: a file, or a directory with
    all that is below it. `\\!` begins a name with an exclamation mark.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns.

        Raises:
            BadPattern: One of them is malformed.
        """
        self._rules = [
            _Rule(tuple(_names(alternative)), position, excludes=pattern.startswith("!"))
            for position, pattern in enumerate(patterns)
            for alternative in _expanded(_checked(pattern).removeprefix("!"))
        ]
        self.start = self._closed({(rule, 0) for rule in range(len(self._rules))})

    @property
    def size(self) -> int:
        """How many alternatives the patterns have together."""
        return len(self._rules)

    def step(self, states: frozenset[State], name: str) -> frozenset[State]:
        """Return the states after the next *name* of a path; empty when neither it nor anything below can match."""
        following: set[State] = set()
        for rule, position in states:
            names = self._rules[rule].names
            if position == len(names):
                continue
            wanted = names[position]
            if wanted is None:
                following.add((rule, position))
            elif wanted.matches(name):
                following.add((rule, position + 1))
        closed = self._closed(following)
        excludes = {self._rules[rule].excludes for rule, _ in closed}
        is_excluded = any(self._rules[rule].excludes and self._is_end(rule, position) for rule, position in closed)
        return frozenset() if is_excluded or False not in excludes else closed

    def accepts(self, states: frozenset[State]) -> bool:
        """Tell whether the path that led to *states* matches."""
        return bool(self.matched_by(states))

    def matched_by(self, states: frozenset[State]) -> set[int]:
        """Return the positions of the patterns that match the path which led to *states*."""
        return {
            self._rules[rule].pattern
            for rule, position in states
            if self._is_end(rule, position) and not self._rules[rule].excludes
        }

    def matches(self, path: str) -> bool:
        """Tell whether a relative path with `/` between its names matches."""
        states = self.start
        for name in path.split("/"):
            states = self.step(states, name)
        return self.accepts(states)

    def _is_end(self, rule: int, position: int) -> bool:
        return position == len(self._rules[rule].names)

    def _closed(self, states: set[State]) -> frozenset[State]:
        """Add the states that need no further name, since `**` may stand for no directory at all."""
        found = set(states)
        for rule, start in states:
            names = self._rules[rule].names
            position = start
            while position < len(names) and names[position] is None:
                position += 1
                found.add((rule, position))
        return frozenset(found)


class PatternList:
    """Patterns of names or paths. `**` crosses slashes, `!` in front excludes, and the last one that matches decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read patterns that the rules of the project file accept."""
        self._rules = [(GlobSet([pattern.removeprefix("!")]), not pattern.startswith("!")) for pattern in patterns]

    def takes(self, name: str) -> bool:
        return next((is_taken for globs, is_taken in reversed(self._rules) if globs.matches(name)), False)


def _checked(pattern: str) -> str:
    if len(pattern) > _LONGEST:
        raise BadPattern(f"it is longer than {_LONGEST} characters")
    if pattern.count("{") > _MOST_BRACES:
        raise BadPattern(f"it has more than {_MOST_BRACES} braces")
    return pattern


def _names(pattern: str) -> Iterable[_Name | None]:
    return (None if part == _ANY_DEPTH else _Name(part) for part in pattern.split("/"))


def _pieces(text: str) -> list[_Piece]:
    """Return what stands between the stars of one name's pattern; a single piece when there is none."""
    pieces: list[list[_Characters]] = [[]]
    position = 0
    while position < len(text):
        char = text[position]
        if char == "*":
            pieces.append([])
        elif char == "?":
            pieces[-1].append(_ANY_CHARACTER)
        elif char == "[":
            end = _class_end(text, position)
            pieces[-1].append(_character_class(text[position + 1 : end]))
            position = end
        else:
            if char == "\\":
                position += 1
                if position == len(text):
                    raise BadPattern("it ends in a backslash")
            pieces[-1].append(_Characters(ranges=((text[position], text[position]),)))
        position += 1
    return [tuple(piece) for piece in pieces]


def _class_end(text: str, start: int) -> int:
    """Return where the class that opens at *start* closes; a `]` right after the opening is a member."""
    position = start + 1
    if text[position : position + 1] in ("!", "^"):
        position += 1
    is_first = True
    while position < len(text) and (is_first or text[position] != "]"):
        position += 2 if text[position] == "\\" else 1
        is_first = False
    if position >= len(text):
        raise BadPattern("a [ is not closed")
    return position


def _character_class(body: str) -> _Characters:
    """Return the class that stands between two brackets; a `-` at either end is a member."""
    is_negated = body[0] in ("!", "^")
    members = _members(body[1:] if is_negated else body)
    ranges = []
    position = 0
    while position < len(members):
        low, _ = members[position]
        is_range = position + 2 < len(members) and members[position + 1] == ("-", False)
        high = members[position + 2][0] if is_range else low
        if high < low:
            raise BadPattern(f"[{body}] is not a set of characters")
        ranges.append((low, high))
        position += 3 if is_range else 1
    return _Characters(ranges=tuple(ranges), is_negated=is_negated)


def _members(text: str) -> list[tuple[str, bool]]:
    """Return the characters of a class, each with whether a backslash stood before it."""
    found: list[tuple[str, bool]] = []
    is_escaped = False
    for char in text:
        if char == "\\" and not is_escaped:
            is_escaped = True
        else:
            found.append((char, is_escaped))
            is_escaped = False
    return found


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
