"""The refs that a remote lists, compared as cheaply as they can be: 50,000 of them are four megabytes of text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
_PEELED = "^{}"
_SYMBOLIC = "ref: "
_HEAD = "HEAD"


class RefList:
    """What a remote said of its refs at one moment."""

    def __init__(self, lines: Sequence[str], *, has_pull_requests: bool = False) -> None:
        """Take the *lines* of `git ls-remote --symref`, which was asked for the heads of pull requests too, or not."""
        self._lines = lines
        self.has_pull_requests = has_pull_requests

    @cached_property
    def digest(self) -> str:
        """What two lists have in common only if they say the same."""
        return hashlib.sha256("\n".join(self._lines).encode(errors="surrogateescape")).hexdigest()

    @cached_property
    def commits(self) -> dict[str, str]:
        """The commit of each branch, tag and pull request by the full name of its ref. Tag objects stand for what they tag."""
        found: dict[str, str] = {}
        for line in self._lines:
            value, _, name = line.partition("\t")
            if name.endswith(_PEELED) or (name.startswith("refs/") and not value.startswith(_SYMBOLIC)):
                found[name.removesuffix(_PEELED)] = value  # what a tag object tags is listed right after it
        return found

    @cached_property
    def default_branch(self) -> str:
        """The name of the default branch; empty where the remote does not tell."""
        for line in self._lines:
            value, _, name = line.partition("\t")
            if name == _HEAD and value.startswith(_SYMBOLIC + BRANCHES):
                return value.removeprefix(_SYMBOLIC + BRANCHES)
        return ""

    def full_name(self, ref: str) -> str:
        """Return the full name of what a project means by *ref*, in git's order; empty if the remote has no such ref."""
        names = [ref] if ref.startswith("refs/") else [TAGS + ref, BRANCHES + ref]
        return next((name for name in names if name in self.commits), "")
