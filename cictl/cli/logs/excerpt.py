"""The lines of a log that tell why a step failed: those around its errors, and its last ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable

BEFORE, AFTER = 2, 5
"""Lines that are shown with an error, before it and after it."""

# What compilers, test runners, shells and interpreters write when something fails. Words such as `error` or `failed` alone
# are no sign: `0 errors`, `test_error_page ok`, `retrying, the first attempt failed`.
_SIGNS = re.compile(
    r"""\b(?:fatal\ )?error(?:\[\w+\]|\ \w+)?:  # cc, rustc (error[E0308]:), tsc (error TS2322:), javac
    | \bfatal: | \bpanic(?:ked)?\b | Traceback\ \(most\ recent | \bAssertion\b.*\bfailed\b | ^not\ ok\b
    | ^make(?:\[\d+\])?:\ \*\*\* | command\ not\ found | undefined\ reference | Segmentation\ fault""",
    re.VERBOSE | re.IGNORECASE,
)
_CASED_SIGNS = re.compile(r"\bFAIL(?:ED|URES?|S)?\b|^E {2,}\S|\b[A-Z]\w*(?:Error|Exception)\b")
_NO_SIGNS = re.compile(r"^\+ |\bwarning\b[:\[]|\b0 (?:fail|error)|\bPASSED\s*(?:\[|$)", re.IGNORECASE)


def is_error(line: str) -> bool:
    """Tell whether *line* looks like the report of an error. Lines that a shell traces (`+ …`) and warnings do not."""
    return bool(_SIGNS.search(line) or _CASED_SIGNS.search(line)) and not _NO_SIGNS.search(line)


class Excerpt:
    """Takes the lines of a log one by one, and keeps as many as fit into *most*, however long the log is.

    Where there are errors, half of the room is for the first of them, a quarter for the last, a quarter for the end of the
    log; otherwise all of it is for the end.

    Attributes:
        total: How many lines were taken.
    """

    def __init__(self, most: int) -> None:
        self.total = 0
        self._most = most
        self._first: dict[int, str] = {}
        self._last: deque[tuple[int, str]] = deque(maxlen=most // 4)
        self._end: deque[tuple[int, str]] = deque(maxlen=most)
        self._wanted_until = -1

    def feed(self, lines: Iterable[str]) -> None:
        """Take the next lines."""
        for line in lines:
            number = self.total
            self.total += 1
            if is_error(line):
                if number > self._wanted_until:
                    self._keep([pair for pair in list(self._end)[-BEFORE:] if pair[0] > self._wanted_until])
                self._wanted_until = number + AFTER
            if number <= self._wanted_until:
                self._keep([(number, line)])
            self._end.append((number, line))

    def is_hidden(self, lines: int) -> bool:
        """Tell whether an error is further up than the last *lines* lines."""
        return any(is_error(line) for number, line in self._first.items() if number < self.total - lines)

    @property
    def has_errors(self) -> bool:
        return bool(self._first)

    @property
    def left_out(self) -> int:
        """How many lines are not shown."""
        return self.total - len(self._chosen())

    def lines(self) -> list[str]:
        """Return the lines to show; a line in brackets stands where some were left out between them."""
        shown: list[str] = []
        chosen = sorted(self._chosen().items())
        following = chosen[0][0] if chosen else 0
        for number, line in chosen:
            if number > following:
                shown.append(f"[... {number - following:,} lines left out ...]")
            shown.append(line)
            following = number + 1
        return shown

    def _chosen(self) -> dict[int, str]:
        if self.total <= self._most or not self._first:
            return dict(self._end)
        return {**self._first, **dict(self._last), **dict(list(self._end)[-(self._most // 4) :])}

    def _keep(self, pairs: list[tuple[int, str]]) -> None:
        for number, line in pairs:
            if len(self._first) < self._most // 2:
                self._first[number] = line
            else:
                self._last.append((number, line))


class ExcerptSink:
    """Stands before a sink of a log's bytes, and hands on only an excerpt of them, at the end."""

    def __init__(self, sink: Callable[[bytes], None], most: int) -> None:
        self.excerpt = Excerpt(most)
        self._sink = sink
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the log."""
        whole, newline, rest = (self._held + data).rpartition(b"\n")
        self._held = rest
        if newline:
            self.excerpt.feed(line.decode(errors="surrogateescape") for line in whole.split(b"\n"))

    def close(self) -> None:
        """Hand on the excerpt."""
        end = "" if self._held else "\n"
        if self._held:
            self.excerpt.feed([self._held.decode(errors="surrogateescape")])
            self._held = b""
        if self.excerpt.total:
            self._sink(("\n".join(self.excerpt.lines()) + end).encode(errors="surrogateescape"))
