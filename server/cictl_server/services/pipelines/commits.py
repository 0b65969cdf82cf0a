"""What commits say of themselves: the first line of the message, and who wrote it."""

from __future__ import annotations

import logging
from functools import lru_cache

import msgspec

from cictl.base.text.characters import without_steering
from cictl_server.errors import GitFailed, NoCapacity
from cictl_server.services.projects.remotes import CommitText, Remotes

logger = logging.getLogger(__name__)

_SECONDS = 10.0
_MOST_KNOWN = 256
_LONGEST_MESSAGE = 200
_LONGEST_AUTHOR = 100


class CommitNote(msgspec.Struct, frozen=True, kw_only=True):
    """Both are one line, bounded in length; empty where they are unknown."""

    message: str = ""
    author: str = ""


class CommitNotes:
    """Asks remotes for commits, and remembers the latest answers."""

    def __init__(self, remotes: Remotes) -> None:
        self._remotes = remotes
        self._known_note = lru_cache(_MOST_KNOWN)(self._note)

    def find(self, repo: str, commit: str) -> CommitNote:
        """Return what *commit* says; an empty note where there is none, or the remote does not tell. No run depends on it."""
        if not commit:
            return CommitNote()
        try:
            return self._known_note(repo, commit)
        except (GitFailed, NoCapacity) as error:
            logger.warning("commit not read commit=%s: %s", commit, error)
            return CommitNote()

    def _note(self, repo: str, commit: str) -> CommitNote:
        return note_of(self._remotes.describe(repo, commit, seconds=_SECONDS))


def note_of(text: CommitText) -> CommitNote:
    """Return what is kept of what a commit says."""
    return CommitNote(message=_line(text.subject, _LONGEST_MESSAGE), author=_line(text.author, _LONGEST_AUTHOR))


def _line(text: str, longest: int) -> str:
    line = without_steering(text, instead=" ").strip()
    return line if len(line) <= longest else line[: longest - 1] + "\u2026"
