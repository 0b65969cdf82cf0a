"""Joining a snapshot of a log to what is stored of it. Knows bytes alone."""

from __future__ import annotations

import msgspec

from cictl_server.services.secrets.masks import Mask

SNAPSHOT_LIMIT = 524_288
"""An agent of the reference sends at most this many bytes of a log: its tail."""

_ANCHOR = 4096


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """What the stored end of a log and a snapshot of it have in common.

    Under a mask the same bytes may be covered in one of the two and not in the other, at three places: at the end of
    each, where a secret is not complete yet, and at the start of a tail, where the beginning of a secret was cut off.
    Comparing them there would find a difference and replace the whole log. So these places are left out.

    Attributes:
        known: The stored end.
        text: The snapshot, covered.
        open_known: How many bytes at the end of `known` the next bytes may turn into a secret; they are not covered yet.
        open_text: The same for `text`.
        head: How many bytes at the start of `text`, if it is a tail, may be the rest of a secret.
        fresh: What to store if the two don't join.
    """

    known: bytes
    text: bytes
    fresh: bytes
    open_known: int = 0
    open_text: int = 0
    head: int = 0

    @classmethod
    def of(cls, known: bytes, snapshot: bytes, mask: Mask | None) -> Join:
        """Prepare *known* and the *snapshot* of an agent for being joined."""
        if mask is None:
            return cls(known=known, text=snapshot, fresh=snapshot)
        cover = mask.cover
        text, whole = cover.covered(snapshot), _is_whole(snapshot)
        return cls(
            known=known,
            text=text,
            fresh=text if whole else cover.covered_tail(snapshot),
            open_known=len(known) - cover.undecided_from(known),
            open_text=len(snapshot) - cover.undecided_from(snapshot),
            head=0 if whole else cover.left_over_until(snapshot),
        )

    def new_end(self, *, is_known_whole: bool) -> tuple[int, bytes] | None:
        """Return where in `known` a new end begins, and that end, which may be empty; None if the two don't join.

        Args:
            is_known_whole: `known` is the whole stored log.
        """
        firm = len(self.known) - self.open_known
        begins = _alignment(
            self.known[:firm],
            self.text[self.head : len(self.text) - self.open_text],
            is_whole=is_known_whole and not self.head,
            is_tail=not _is_whole(self.text),
        )
        if begins is None:
            return None
        begins -= self.head
        if begins + len(self.text) <= len(self.known):
            return len(self.known), b""
        # The stored open end is replaced too: the snapshot may show that a secret begins there, and covers it.
        return firm, self.text[firm - begins :]


def _is_whole(snapshot: bytes) -> bool:
    """Tell whether *snapshot* must be a whole log, because it is too short for a tail.

    A tail may be a little shorter than the limit: it lacks the rest of a character that was cut.
    """
    return len(snapshot) <= SNAPSHOT_LIMIT - _ANCHOR


def _alignment(known: bytes, snapshot: bytes, *, is_whole: bool, is_tail: bool) -> int | None:
    """Return where in *known* the *snapshot* begins, if it lies in it or continues it; None if they don't join.

    A whole log begins at 0. Of a tail the first `_ANCHOR` bytes are searched for, and each place is then compared to the
    end: an output that repeats itself has several places, and the first that fits is taken.
    """
    if is_whole and known[: len(snapshot)] == snapshot[: len(known)]:
        return 0
    anchor = snapshot[:_ANCHOR]
    position = known.find(anchor) if is_tail else -1
    while position >= 0:
        if snapshot.startswith(known[position : position + len(snapshot)]):
            return position
        position = known.find(anchor, position + 1)
    return None
