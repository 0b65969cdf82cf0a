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


class Finder(Generic[Text]):
    """Finds patterns.

    Attributes:
        longest: Length of the longest pattern; 0 when there are none.
    """

    def __init__(self, patterns: Iterable[Text]) -> None:
        self._patterns: list[Text] = sorted(set(patterns), key=len)
        self._families: list[tuple[Text, list[Text]]] = _families(self._patterns)
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
            start = max(0, len(text) - len(pattern) + 1)
            at = text.find(pattern[:1], start, first)
            while at >= 0 and not pattern.startswith(text[at:]):
                at = text.find(pattern[:1], at + 1, first)
            if at >= 0:
                first = at
        return first

    def left_over_until(self, text: Text) -> int:
        """Return where the longest beginning of *text* ends that is a proper end of a pattern: one that was cut there."""
        last = 0
        for pattern in self._patterns:
            for length in range(min(len(pattern) - 1, len(text)), last, -1):
                if pattern.endswith(text[:length]):
                    last = length
                    break
        return last


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
    for pattern in patterns:
        home = next((family for core, family in families if core in pattern), None)
        if home is None:
            families.append((pattern, [pattern]))
        else:
            home.append(pattern)
    return families


def _occurrences(text: Text, pattern: Text) -> Iterator[Span]:
    at = text.find(pattern)
    while at >= 0:
        yield at, at + len(pattern)
        at = text.find(pattern, at + 1)
