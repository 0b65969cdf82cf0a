"""Putting a log together from snapshots of its end, which are all that a reference server gives."""

from __future__ import annotations

_ANCHOR_BYTES = 256
_CANDIDATES = 1000
"""How many places are compared at most; a log of one repeated character would have half a million."""
_CUT_CHARACTER = "\N{REPLACEMENT CHARACTER}".encode()


class SnapshotLog:
    """Finds what each snapshot of a log adds to those before it.

    A snapshot holds the last 512 KiB at most, so a long log loses its beginning while it grows. Positions count from the
    first byte that was ever seen.
    """

    def __init__(self) -> None:
        self.size = 0
        self._last = b""

    def add(self, snapshot: bytes) -> bytes:
        """Return the bytes of *snapshot* that are new.

        A snapshot that does not overlap the one before is new as a whole: more than a snapshot came in between, or another
        agent began anew. Where a log repeats itself, the longest overlap is taken.
        """
        fresh = snapshot[_known(self._last, snapshot) :]
        self.size += len(fresh)
        if snapshot:
            self._last = snapshot
        return fresh


def _known(last: bytes, snapshot: bytes) -> int:
    """Return how many bytes at the start of *snapshot* were in *last* already."""
    for begin in (last, last.lstrip()):
        if (overlap := _overlap(begin, snapshot)) is not None:
            return overlap
    cut = len(snapshot) - len(snapshot.lstrip(_CUT_CHARACTER))
    anchor = snapshot[cut : cut + _ANCHOR_BYTES]
    start = -1
    for _ in range(_CANDIDATES if anchor else 0):
        start = last.find(anchor, start + 1)
        if start < 0:
            break
        if (overlap := _overlap(last[start:], snapshot[cut:])) is not None:
            return cut + overlap
    return 0


def _overlap(last: bytes, snapshot: bytes) -> int | None:
    """Return how many bytes *snapshot* and *last* share at their start, if *snapshot* continues *last*; else None.

    White space at the end of *last* may be missing in *snapshot*: a cancel strips the log before it adds its line.
    """
    known = len(last.rstrip())
    if not snapshot.startswith(last[:known]):
        return None
    while known < min(len(last), len(snapshot)) and last[known] == snapshot[known]:
        known += 1
    return known
