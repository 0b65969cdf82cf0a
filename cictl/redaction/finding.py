"""Find any of many patterns, in text or in bytes.

One `str.find` per pattern looks crude, but each goes through a log at gigabytes a second. One alternation of all patterns
is several times slower in Python's `re`, also as a trie. Many patterns contain another one: a value's base64 contains its
inner base64. So each text is searched for the shortest of a family first, and for the others only if that was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Text = TypeVar("Text", str, bytes)
Span = tuple[int, int]

_PROBE = 8
"""Overlaps of a pattern with the edge of a text are searched by this many characters. Shorter ones are in a set."""
_KEY = 4
"""How many first characters of a family's shortest pattern are its key in the table of families."""


class Finder(Generic[Text]):
    """A set of patterns to find. It is false when the set is empty.

    Attributes:
        longest: Length of the longest pattern; 0 if there are none.
    """

    def __init__(self, patterns: Iterable[Text]) -> None:
        self._patterns: list[Text] = sorted(set(patterns), key=len)
        self._families: list[tuple[Text, list[Text]]] = _families(self._patterns)
        self._beginnings: set[Text] = {p[:size] for p in self._patterns for size in range(1, min(len(p), _PROBE))}
        self._ends: set[Text] = {p[-size:] for p in self._patterns for size in range(1, min(len(p), _PROBE))}
        self.longest = len(self._patterns[-1]) if self._patterns else 0

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def spans(self, text: Text) -> list[Span]:
        """Return where patterns are, in order. Occurrences that overlap become one span; those that only touch do not."""
        found: list[Span] = []
        for core, family in self._families:
            if core in text:
                for pattern in family:
                    found.extend(_occurrences(text, pattern))
        return merged(found)

    def undecided_from(self, text: Text) -> int:
        """Return where the longest end of *text* starts that is the beginning of a pattern, but not all of it."""
        # The longest end is the one that starts first. So each pattern is searched only before the best start so far: with
        # this upper bound a probe found by `find` starts at `first - 1` at the latest.
        first = len(text)
        for pattern in self._patterns:
            probe, start = pattern[:_PROBE], max(0, len(text) - len(pattern) + 1)
            at = text.find(probe, start, first + _PROBE - 1)
            while at >= 0 and not pattern.startswith(text[at:]):
                at = text.find(probe, at + 1, first + _PROBE - 1)
            if at >= 0:
                first = at
        if first < len(text):
            return first
        sizes = range(min(_PROBE - 1, len(text)), 0, -1)
        return len(text) - next((size for size in sizes if text[-size:] in self._beginnings), 0)

    def left_over_until(self, text: Text) -> int:
        """Return where the longest beginning of *text* stops that is the end of a pattern, but not all of it."""
        last, probe = 0, text[:_PROBE]
        for pattern in self._patterns if len(probe) == _PROBE else ():
            at = pattern.find(probe, 1, len(pattern) - last + _PROBE - 1)
            while at >= 0 and not text.startswith(pattern[at:]):
                at = pattern.find(probe, at + 1, len(pattern) - last + _PROBE - 1)
            if at >= 0:
                last = len(pattern) - at
        sizes = range(min(_PROBE - 1, len(text)), 0, -1)
        return last or next((size for size in sizes if text[:size] in self._ends), 0)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap, and return them in order."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _families(patterns: list[Text]) -> list[tuple[Text, list[Text]]]:
    """Group patterns by a shorter one that they contain. A text without that one has none of its family.

    Args:
        patterns: In order of their length.
    """
    families: list[tuple[Text, list[Text]]] = []
    short: list[tuple[Text, list[Text]]] = []
    by_key: dict[Text, list[tuple[Text, list[Text]]]] = {}
    for pattern in patterns:
        if (home := _home(pattern, short, by_key)) is not None:
            home.append(pattern)
            continue
        family = (pattern, [pattern])
        families.append(family)
        (short if len(pattern) < _KEY else by_key.setdefault(pattern[:_KEY], [])).append(family)
    return families


def _home(
    pattern: Text, short: list[tuple[Text, list[Text]]], by_key: dict[Text, list[tuple[Text, list[Text]]]]
) -> list[Text] | None:
    """Return a family whose shortest pattern is in *pattern*. The cost is one look-up a character, not one a family."""
    for core, family in short:
        if core in pattern:
            return family
    for at in range(len(pattern) - _KEY + 1):
        for core, family in by_key.get(pattern[at : at + _KEY], ()):
            if pattern.startswith(core, at):
                return family
    return None


def _occurrences(text: Text, pattern: Text) -> Iterator[Span]:
    at = text.find(pattern)
    while at >= 0:
        yield at, at + len(pattern)
        at = text.find(pattern, at + 1)
