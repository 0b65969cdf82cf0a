"""The order of semantic versions, as the contract with agents of the reference demands it.

`packaging` compares the versions of Python packages, and can't be used here: to it `1.2.0-1` comes after 1.2.0, and
`1.2.0-x.y` is no version. A caller that accepts fewer forms than `semantic_key`, such as exactly three numbers, checks
that itself.
"""

from __future__ import annotations

import re

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)

_RELEASED = ((2, 0, ""),)
"""The second part of a release's key. It sorts above every pre-release, whose parts begin with 0 or 1."""

_LONGEST = 256
"""No version is longer. Python refuses to read numbers of thousands of digits, and anybody may send some."""

SemanticKey = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]


def semantic_key(text: str) -> SemanticKey | None:
    """Return a key that sorts versions; None if *text* is no version.

    Any count of numbers is allowed, and missing ones are 0: `1.2` equals `1.2.0`. A pre-release sorts below its release.
    Its parts are compared one by one, and numbers sort below words: `-1` < `-alpha` < `-alpha.1`. A leading `v` and build
    data (`+…`) do not count.
    """
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    numbers = [int(number) for number in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    parts = match[2].split(".") if match[2] else []
    return tuple(numbers), tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts) or _RELEASED
