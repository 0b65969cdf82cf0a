"""The order of semantic versions, as the contract with agents of the reference demands it.

`packaging`, which compares what is about Python packages, can't be asked here: to it `1.2.0-1` comes after 1.2.0, and
`1.2.0-x.y` is no version. Who allows what is no semantic version to the letter, such as four numbers, says so with a rule
of his own.
"""

from __future__ import annotations

import re

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)

_RELEASED = ((2, 0, ""),)
"""Above every pre-release, whose parts begin with 0 or 1."""

SemanticKey = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]


def semantic_key(text: str) -> SemanticKey | None:
    """Return what *text* is to be compared by; None where it is no version.

    Numbers count, however many; missing ones are 0. A pre-release sorts below its release, its parts one by one: numbers
    first, then words. A `v` before and build data behind do not count.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = [int(number) for number in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    parts = match[2].split(".") if match[2] else []
    return tuple(numbers), tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts) or _RELEASED
