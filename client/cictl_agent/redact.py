"""Masking secret values in text that comes in pieces."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "***"

_SHORTEST_PART = 4
"""A line of a multi-line value is masked from this length on; shorter ones would mask half the log."""
_SHORTEST_ENCODED = 8
"""Pieces of base64 that stand for the middle of a longer text are masked from this length on."""

Span = tuple[int, int]


def patterns_of(values: Iterable[str]) -> list[str]:
    """Return every text that must not show: the values, their lines, and their common encodings; longest first."""
    found: set[str] = set()
    for value in values:
        if value.strip():
            found.update(_forms(value))
    return sorted(found, key=lambda pattern: (-len(pattern), pattern))


def url_secrets(url: str) -> list[str]:
    """Return what of a repository's URL must not show: its user info, and a password alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    user_info, at, _ = parts.netloc.rpartition("@")
    if not at or parts.scheme not in ("http", "https", "ftp", "ftps"):
        return []
    user, _, password = user_info.partition(":")
    alone = password or user
    texts = dict.fromkeys((user_info + at, alone, unquote(alone)))
    return [text for text in texts if len(text) >= _SHORTEST_PART]


class Redactor:
    """Masks secrets in a stream of text, also where a piece ends in the middle of one.

    Of each piece only an end that could begin a secret is held back. Occurrences that overlap become one mask, so the
    result does not depend on where the pieces were cut.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._patterns = patterns_of(values)
        self._held = ""
        self._covered = 0
        """Characters at the start of `_held` whose mask is out already."""

    def feed(self, text: str) -> str:
        """Take the next piece, and return what can be shown now."""
        if not self._patterns:
            return text
        return self._emit(self._held + text, is_end=False)

    def flush(self) -> str:
        """Return what is still held back; the stream ends here."""
        return self._emit(self._held, is_end=True)

    def redact(self, text: str) -> str:
        """Mask a text that stands alone, such as an error message; the stream is not touched."""
        spans = _merged(_occurrences(text, self._patterns))
        return _masked(text, spans, end=len(text), is_masked_before=False)

    def _emit(self, text: str, *, is_end: bool) -> str:
        end = len(text) if is_end else self._undecided_from(text)
        covered = [(0, self._covered)] if self._covered else []
        spans = _merged([*covered, *_occurrences(text, self._patterns)])
        shown = _masked(text, spans, end=end, is_masked_before=bool(covered))
        begun = (stop for start, stop in spans if start < end or (covered and start == 0))
        self._held = text[end:]
        self._covered = max((stop - end for stop in begun if stop > end), default=0)
        return shown

    def _undecided_from(self, text: str) -> int:
        """Return where the longest end of *text* begins that is a proper beginning of a pattern."""
        first = len(text)
        for pattern in self._patterns:
            at = text.find(pattern[0], max(0, len(text) - len(pattern) + 1), first)
            while at >= 0 and not pattern.startswith(text[at:]):
                at = text.find(pattern[0], at + 1, first)
            if at >= 0:
                first = at
        return first


def _forms(value: str) -> Iterator[str]:
    stripped = value.strip()
    yield stripped
    for line in stripped.splitlines():
        if len(line.strip()) >= _SHORTEST_PART:
            yield line.strip()
    for whole in {value, stripped}:
        yield from _encodings(whole)


def _encodings(value: str) -> Iterator[str]:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        yield text[1:-1]
    data = value.encode("utf-8", "surrogatepass")
    yield quote(data, safe="")
    yield quote(data)
    yield quote_plus(data)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            yield from _inner_base64(encode(b"\0" * before + data).decode(), before + len(data), before)


def _inner_base64(encoded: str, length: int, before: int) -> Iterator[str]:
    """Yield the characters that depend on the value alone, whatever stands around it (`user:secret`)."""
    inner = encoded[(before * 8 + 5) // 6 : length * 8 // 6]
    if len(inner) >= _SHORTEST_ENCODED:
        yield inner


def _occurrences(text: str, patterns: list[str]) -> Iterator[Span]:
    for pattern in patterns:
        at = text.find(pattern)
        while at >= 0:
            yield at, at + len(pattern)
            at = text.find(pattern, at + 1)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap; ones that only touch stay apart."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _masked(text: str, spans: list[Span], *, end: int, is_masked_before: bool) -> str:
    """Return *text* up to *end* with the spans masked; the mask of a first span at 0 may be out already."""
    parts: list[str] = []
    position = 0
    for start, stop in spans:
        if start >= end:
            break
        parts.append(text[position:start])
        if not (is_masked_before and start == 0):
            parts.append(MASK)
        position = min(stop, end)
    parts.append(text[position:end])
    return "".join(parts)
