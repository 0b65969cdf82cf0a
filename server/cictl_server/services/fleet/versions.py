"""Comparing the versions of servers and agents."""

from __future__ import annotations

import re

from cictl.base.versions import SemanticKey, semantic_key

_NUMBER = r"(?:0|[1-9]\d*)"
_WORD = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_STRICT = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}(?:-{_WORD}(?:\.{_WORD})*)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1: *left* is older than, the same as or newer than *right*.

    Versions are semantic ones of one to three numbers. Blanks around them, a leading `v` and build data do not count. If
    either has another form, such as `dev`, the texts are compared: equal ones give 0, others 1 in both directions. So an
    agent of an unknown version is always offered a known one.
    """
    left, right = left.strip().removeprefix("v"), right.strip().removeprefix("v")
    left_key, right_key = _key(left), _key(right)
    if left_key is None or right_key is None:
        return int(left != right)
    return (left_key > right_key) - (left_key < right_key)


def is_newer(version: str, *, than: str) -> bool:
    return compare_versions(version, than) > 0


def is_release(version: str) -> bool:
    """Tell whether agents can be asked to run *version*: it is not empty and not `dev`."""
    return version.strip().casefold() not in ("", "dev")


def _key(text: str) -> SemanticKey | None:
    """Return the sort key of a strict version; None for anything else, such as four numbers or a leading zero."""
    return semantic_key(text) if _STRICT.fullmatch(text) else None
