"""Overwrite secrets in bytes that must keep their offsets."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.redaction.finding import Finder, Span
from cictl.redaction.forms import forms_of

_STAR = b"*"


class Cover:
    """Covers each byte of a secret with a `*`, in UTF-8 text addressed by byte offset.

    Attributes:
        reach: Bytes of the longest form. Bytes further from the end than this can't become part of a secret any more.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._finder = Finder(form.encode("utf-8", "replace") for form in forms_of(values))
        self.reach = self._finder.longest

    def spans(self, data: bytes) -> list[Span]:
        """Return where the secrets in *data* are."""
        return self._finder.spans(data)

    def covered(self, data: bytes) -> bytes:
        """Return *data* with its secrets covered."""
        return starred(data, self._finder.spans(data))

    def covered_tail(self, data: bytes) -> bytes:
        """Return *data*, whose beginning was cut off, covered, also where it could begin with the rest of a secret."""
        return starred(data, [(0, self.left_over_until(data)), *self._finder.spans(data)])

    def left_over_until(self, data: bytes) -> int:
        """Return the length of the longest beginning of *data* that could be the end of a cut secret; 0 if there is none."""
        return self._finder.left_over_until(data)

    def undecided_from(self, data: bytes) -> int:
        """Return where the longest end of *data* starts that could begin a secret; the length of *data* if there is none."""
        return self._finder.undecided_from(data)


def starred(data: bytes, spans: Iterable[Span]) -> bytes:
    """Return *data* with each byte of the spans covered."""
    result = bytearray(data)
    for start, stop in spans:
        result[start:stop] = _STAR * (stop - start)
    return bytes(result)
