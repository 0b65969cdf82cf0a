"""Patterns of branches, as the project file has them."""

from __future__ import annotations

from collections.abc import Sequence

from cictl.base.globs import BadPattern, GlobSet


def is_meant(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether *patterns* mean *name*: of those that match it the last counts, and one with `!` excludes it."""
    last = next((pattern for pattern in reversed(patterns) if _matches(name, pattern.removeprefix("!"))), "!")
    return not last.startswith("!")


def _matches(name: str, pattern: str) -> bool:
    try:
        return GlobSet([pattern]).matches(name)
    except BadPattern:
        return False
