"""Writing a log whose secrets must be covered."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import msgspec

from cictl.redaction import starred
from cictl.redaction.finding import Span
from cictl_server.errors import LogGap
from cictl_server.log_writer.contract import LogEditor, LogWriter
from cictl_server.services.secrets.masks import Mask

_MOST_ASKED_AGAIN = 4000
"""Agents are asked again for this many bytes at most: their shortest pieces have 4096, and must bring something new."""


class _Addition(msgspec.Struct, frozen=True, dict=True):
    """Bytes that continue a log.

    A secret may arrive in two pieces: `hun` is stored, then `ter2` comes. So the search for secrets begins up to a secret's
    length before the end of the log.

    Attributes:
        before: The last bytes of the log as their agent sent them.
        fresh: What follows.
    """

    mask: Mask
    before: bytes
    fresh: bytes

    @cached_property
    def text(self) -> bytes:
        return self.before + self.fresh

    @cached_property
    def spans(self) -> list[Span]:
        return self.mask.cover.spans(self.text)

    @property
    def completes_secret(self) -> bool:
        """Whether a secret begins in what is stored, which has to be covered too."""
        return any(start < len(self.before) for start, _ in self.spans)

    @property
    def covered(self) -> bytes:
        return starred(self.text, self.spans)[len(self.before) :] if self.spans else self.fresh


def append_quickly(writer: LogWriter, name: str, data: bytes, *, at: int, now: datetime, mask: Mask | None) -> bool:
    """Continue a log that has *at* bytes, if nothing of it must be read or changed for that; tell whether that was so."""
    if mask is None:
        return writer.append(name, data, at=at, now=now)
    before = mask.end(name, size=at)
    if before is None:
        return False
    addition = _Addition(mask, before, data)
    if addition.completes_secret:
        return False
    undecided = _undecided(mask, addition.text)
    if not writer.append(name, addition.covered, at=at, now=now, undecided=undecided):
        return False
    mask.has_covered = mask.has_covered or bool(addition.spans)
    mask.note_end(name, size=at + len(data), data=addition.text)
    return True


class MaskedLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log that is being changed under a mask."""

    log: LogEditor
    name: str
    mask: Mask
    now: datetime

    def append(self, fresh: bytes, *, again: bytes, is_last: bool) -> None:
        """Continue the log by *fresh*, and cover a stored beginning of a secret that *fresh* completes.

        Args:
            again: What its agent sent once more of the stored bytes, up to the end.
            is_last: As in `end`.
        """
        if not (fresh or is_last):
            return
        size = self.log.size
        addition = _Addition(self.mask, self._sent_before(again), fresh)
        self.mask.has_covered = self.mask.has_covered or bool(addition.spans)
        if addition.completes_secret:
            at = size - len(addition.before)
            covered = starred(self.log.read_from(at) + fresh, addition.spans)
            self.end(covered, at=at, sent=addition.text, is_last=is_last)
        else:
            self.end(addition.covered, at=size, sent=addition.text, is_last=is_last)

    def end(self, data: bytes, *, at: int, sent: bytes, is_last: bool) -> None:
        """Make *data*, which is covered, the end of the log.

        Args:
            sent: The last bytes of the log as their agent sent them.
            is_last: Nothing will follow. So what may be the beginning of a secret is cut off: no reader has seen it, and
                nothing will decide.
        """
        undecided = _undecided(self.mask, sent)
        if is_last:
            stop = at + len(data) - undecided
            at, data, undecided = min(at, stop), data[: max(0, stop - at)], 0
        self.log.write(data, at=at, now=self.now, undecided=undecided)
        self.mask.note_end(self.name, size=self.log.size, data=sent)

    def _sent_before(self, again: bytes) -> bytes:
        """Return the last bytes of the log as its agent sent them, as many as may be the beginning of a secret.

        The stored bytes will not do where some are covered: of two secrets that overlap, the second begins inside the stars
        of the first. This server knows the bytes if it wrote them itself, under the present secrets. Otherwise another
        server wrote them, or this one before a restart, and the agent has to send them again.

        Raises:
            LogGap: It has to.
        """
        size = self.log.size
        before = self.mask.end(self.name, size=size)
        if before is not None:
            return before
        self.mask.has_covered = True
        stored = self.log.read_from(max(0, size - max(0, self.mask.cover.reach - 1)))
        if len(again) >= len(stored):
            return again[len(again) - len(stored) :]
        if b"*" not in stored or len(stored) > _MOST_ASKED_AGAIN:
            return stored
        raise LogGap(size - len(stored))


def _undecided(mask: Mask, sent: bytes) -> int:
    """Return how many bytes at the end of *sent* may be the beginning of a secret."""
    return len(sent) - mask.cover.undecided_from(sent)
