"""Which commits came between two: their first lines, asked of the remote and remembered."""

from __future__ import annotations

import logging
from functools import lru_cache

import msgspec

from cictl.base.text.plain import plain
from cictl_server.errors import GitFailed, NoCapacity
from cictl_server.services.projects.remotes import Remotes

logger = logging.getLogger(__name__)

MOST_COMMITS = 50
"""So many commits of a history are fetched and told."""

_SECONDS = 10.0
_MOST_KNOWN = 64
_SHOWN = 10


class NewCommits(msgspec.Struct, frozen=True, kw_only=True):
    """The commits that one has and an older one has not.

    Attributes:
        lines: One each, the newest first: `1234567890 Warm the pot`.
        has_more: There are more than these, or the older commit is not among its ancestors.
    """

    lines: tuple[str, ...] = ()
    has_more: bool = False


class CommitHistories:
    """Asks remotes for histories without files, and remembers the latest answers."""

    def __init__(self, remotes: Remotes) -> None:
        self._remotes = remotes
        self._known = lru_cache(_MOST_KNOWN)(self._asked)

    def between(self, repo: str, old: str, new: str) -> NewCommits:
        """Return the commits of *new* that *old* has not; none where the remote does not tell them."""
        if not (repo and old and new) or old == new:
            return NewCommits()
        try:
            return self._known(repo, old, new)
        except (GitFailed, NoCapacity) as error:
            logger.warning("history not read commit=%s: %s", new, error)
            return NewCommits()

    def _asked(self, repo: str, old: str, new: str) -> NewCommits:
        commits, reaches_old = self._remotes.history(repo, old, new, most=MOST_COMMITS + 1, seconds=_SECONDS)
        lines = tuple(plain(f"{commit[:_SHOWN]} {subject}") for commit, subject in commits[:MOST_COMMITS])
        return NewCommits(lines=lines, has_more=len(commits) > MOST_COMMITS or not reaches_old)
