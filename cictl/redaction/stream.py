"""Replacing secrets in text that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.redaction.finding import Finder, Span, merged
from cictl.redaction.forms import forms_of

MASK = "***"
NAME_MASK = "___"
"""Stands for a secret in the name of a file: no system forbids it there."""


class Redactor:
    """Masks secrets in a stream of text, also where a piece ends in the middle of one.

    Of each piece only an end that could begin a secret is held back. Occurrences that overlap become one mask, so the
    result does not depend on where the pieces were cut.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._finder = Finder(forms_of(values))
        self._held = ""
        self._covered = 0
        """Characters at the start of `_held` whose mask is out already."""

    def feed(self, text: str) -> str:
        """Take the next piece, and return what can be shown now."""
        if not self._finder:
            return text
        return self._emit(self._held + text, is_end=False)

    def flush(self) -> str:
        """Return what is still held back; the stream ends here."""
        return self._emit(self._held, is_end=True)

    def redact(self, text: str) -> str:
        """Mask a text that stands alone, such as an error message; the stream is not touched."""
        return self._redacted(text, MASK)

    def redact_name(self, name: str) -> str:
        """Do the same with the name of a file."""
        return self._redacted(name, NAME_MASK)

    def _redacted(self, text: str, mask: str) -> str:
        return _masked(text, self._finder.spans(text), end=len(text), is_masked_before=False, mask=mask)

    def _emit(self, text: str, *, is_end: bool) -> str:
        end = len(text) if is_end else self._finder.undecided_from(text)
        covered = [(0, self._covered)] if self._covered else []
        spans = merged([*covered, *self._finder.spans(text)])
        shown = _masked(text, spans, end=end, is_masked_before=bool(covered), mask=MASK)
        begun = (stop for start, stop in spans if start < end or (covered and start == 0))
        self._held = text[end:]
        self._covered = max((stop - end for stop in begun if stop > end), default=0)
        return shown


def _masked(text: str, spans: list[Span], *, end: int, is_masked_before: bool, mask: str) -> str:
    """Return *text* up to *end* with the spans masked; the mask of a first span at 0 may be out already."""
    parts: list[str] = []
    position = 0
    for start, stop in spans:
        if start >= end:
            break
        parts.append(text[position:start])
        if not (is_masked_before and start == 0):
            parts.append(mask)
        position = min(stop, end)
    parts.append(text[position:end])
    return "".join(parts)
