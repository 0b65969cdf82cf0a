"""What a git ref is, as far as its text says."""

from __future__ import annotations

import re

_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"


def branch_of(ref: str) -> str:
    """Return the branch that *ref* names; empty for other refs and for commits. A short name counts as one of a branch."""
    if ref.startswith(_BRANCHES):
        return ref.removeprefix(_BRANCHES)
    return "" if ref.startswith("refs/") or _COMMIT.fullmatch(ref) else ref


def tag_of(ref: str) -> str:
    """Return the tag that *ref* names by its full name; empty for other refs."""
    return ref.removeprefix(_TAGS) if ref.startswith(_TAGS) else ""


def short_ref(ref: str) -> str:
    """Return a branch or tag without `refs/heads/` or `refs/tags/`, and any other ref as it is."""
    return ref.removeprefix(_BRANCHES).removeprefix(_TAGS)
