"""What commits say of themselves: the first line of the message, and who wrote it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from cictl.base.characters import without_steering
from cictl_server.errors import GitFailed, NoCapacity
from cictl_server.services.projects.remotes import Remotes

logger = logging.getLogger(__name__)

_SECONDS = 10.0
_MOST_KNOWN = 256
_LONGEST_MESSAGE = 200
_LONGEST_AUTHOR = 100


@dataclass(frozen=True, kw_only=True)
class CommitNote:
    """Both are one line, bounded in length; empty where they are unknown."""

    message: str = ""
    author: str = ""


class CommitNotes:
    """Asks remotes for commits, and remembers the latest answers."""

    def __init__(self, remotes: Remotes) -> None:
        self._remotes = remotes
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], CommitNote] = {}

    def find(self, repo: str, commit: str) -> CommitNote:
        """Return what *commit* says; an empty note where there is none, or the remote does not tell. No run depends on it."""
        if not commit:
            return CommitNote()
        key = (repo, commit)
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            author, message = self._remotes.describe(repo, commit, seconds=_SECONDS)
        except (GitFailed, NoCapacity) as error:
            logger.warning("commit not read commit=%s: %s", commit, error)
            return CommitNote()
        note = CommitNote(message=_line(message, _LONGEST_MESSAGE), author=_line(author, _LONGEST_AUTHOR))
        with self._lock:
            while len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = note
        return note


def _line(text: str, longest: int) -> str:
    line = without_steering(text, instead=" ").strip()
    return line if len(line) <= longest else line[: longest - 1] + "\u2026"
