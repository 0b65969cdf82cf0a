"""Replace secrets in text that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.redaction.finding import Finder, Span, merged
from cictl.redaction.forms import forms_of

MASK = "***"
NAME_MASK = "___"
"""The mask in names of files. Windows forbids `*` there."""


class Redactor:
    """Masks secrets in a stream of text, also when a piece ends inside one.

    Only an end that could be the beginning of a secret is held back. Occurrences that overlap become one mask, so the
    result does not depend on where the pieces were cut.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._finder = Finder(forms_of(values))
        self._held = ""
        self._covered = 0
        """How many characters at the start of `_held` belong to a secret whose mask was shown already."""

    def feed(self, text: str) -> str:
        """Take the next piece, and return the text that can be shown now."""
        if not self._finder:
            return text
        return self._emit(self._held + text, is_end=False)

    def flush(self) -> str:
        """End the stream, and return the text that was held back."""
        return self._emit(self._held, is_end=True)

    def redact(self, text: str) -> str:
        """Return a text that is not part of the stream, such as an error message, masked."""
        return self._redacted(text, MASK)

    def redact_name(self, name: str) -> str:
        """Return the name of a file, masked."""
        return self._redacted(name, NAME_MASK)

    def _redacted(self, text: str, mask: str) -> str:
        if not self._finder:
            return text
        return _masked(text, self._finder.spans(text), end=len(text), is_masked_before=False, mask=mask)

    def _emit(self, text: str, *, is_end: bool) -> str:
        # A secret may begin before `end` and reach beyond it: one form can be found whole while its last characters may
        # also begin another. Its mask is shown now. `_covered` remembers the characters beyond `end` that it stands for,
        # so that the next piece neither shows them nor masks them a second time.
        end = len(text) if is_end else self._finder.undecided_from(text)
        covered = [(0, self._covered)] if self._covered else []
        spans = merged([*covered, *self._finder.spans(text)])
        shown = _masked(text, spans, end=end, is_masked_before=bool(covered), mask=MASK)
        begun = (stop for start, stop in spans if start < end or (covered and start == 0))
        self._held = text[end:]
        self._covered = max((stop - end for stop in begun if stop > end), default=0)
        return shown


def _masked(text: str, spans: list[Span], *, end: int, is_masked_before: bool, mask: str) -> str:
    """Return *text* up to *end* with its spans masked. With *is_masked_before*, a span at 0 gets no mask of its own."""
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
