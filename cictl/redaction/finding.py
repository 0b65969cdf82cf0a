"""Finding any of many patterns, in text or in bytes.

`str.find` once per pattern looks crude, but it skips through a log at gigabytes a second; an alternation of them all is
several times slower in Python's `re`, also as a trie. Patterns hold each other (a value's base64 its inner base64), so only
the shortest of each family are searched for, and the others where one of those was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Text = TypeVar("Text", str, bytes)
Span = tuple[int, int]

_PROBE = 8
"""Characters of a pattern by which its long overlaps with the edge of a text are found; shorter ones are looked up."""
_KEY = 4
"""Characters by which the shortest of a family is looked up."""


class Finder(Generic[Text]):
    """Finds patterns.

    Attributes:
        longest: Length of the longest pattern; 0 when there are none.
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
        """Return where patterns stand, in order. Occurrences that overlap are one; ones that only touch stay apart."""
        found: list[Span] = []
        for core, family in self._families:
            if core in text:
                for pattern in family:
                    found.extend(_occurrences(text, pattern))
        return merged(found)

    def undecided_from(self, text: Text) -> int:
        """Return where the longest end of *text* begins that is a proper beginning of a pattern."""
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
        """Return where the longest beginning of *text* ends that is a proper end of a pattern: one that was cut there."""
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
    """Group patterns, given in order of their length, by a shorter one that they hold; where that is absent, so are they."""
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
    """Return a family whose shortest *pattern* holds: a look-up for each character, however many families there are."""
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
