"""Comparing the versions of servers and agents."""

from __future__ import annotations

import re

from cictl.base.versions import SemanticKey, semantic_key

_NUMBER = r"(?:0|[1-9]\d*)"
_WORD = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_STRICT = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}(?:-{_WORD}(?:\.{_WORD})*)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


def compare_versions(left: str, right: str) -> int:
    """Return below 0, 0 or above 0, as *left* is older than, the same as or newer than *right*.

    Versions are semantic ones of one to three numbers; blanks around them, a `v` before and build data behind do not
    count. Where either is something else, such as `dev`, only their texts can be compared: unequal ones count as newer,
    whichever way they are asked about, so that an agent of an unknown version is always offered a known one.
    """
    left, right = left.strip().removeprefix("v"), right.strip().removeprefix("v")
    left_key, right_key = _key(left), _key(right)
    if left_key is None or right_key is None:
        return int(left != right)
    return (left_key > right_key) - (left_key < right_key)


def is_newer(version: str, *, than: str) -> bool:
    return compare_versions(version, than) > 0


def is_release(version: str) -> bool:
    """Whether *version* can be asked of others: there is one, and it is not `dev`."""
    return version.strip().casefold() not in ("", "dev")


def _key(text: str) -> SemanticKey | None:
    """Return the sort key of a strict version; None for anything else, such as four numbers or a leading zero."""
    return semantic_key(text) if _STRICT.fullmatch(text) else None
