"""Lines of a log for a page: each with its number, and with the step that begins there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from markupsafe import Markup

from cictl.wire.results.log_lines import LogLines
from cictl_server.face.drawing.terminal import terminal_line
from cictl_server.services.jobs.log_lines import LinedStep, OpenLog

MOST_ROWS = 300
CHUNK = 100
"""The script fetches lines in parts of so many: 1 to 100, 101 to 200, and so on."""

_LINE_BYTES = 10 << 10


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line: `text` is markup, `left_out` are the bytes at its end that a page does not show."""

    number: int
    text: Markup
    left_out: int
    step: LinedStep | None


class LogRows(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that follow each other.

    Attributes:
        total: How many lines the whole log has so far.
        size: Bytes of the whole log so far.
        complete: Nothing will be added.
    """

    rows: Sequence[LogRow]
    first: int
    total: int
    size: int
    complete: bool

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def older(self) -> int:
        """The first line of the window before this one; 0 if there is none."""
        return max(1, self.first - MOST_ROWS) if self.first > 1 else 0

    @property
    def newer(self) -> int:
        """The first line of the window after this one; 0 if there is none."""
        return self.last + 1 if self.last < self.total else 0


def log_rows(log: OpenLog, *, first: int | None, count: int) -> LogRows:
    """Return up to *count* lines from *first* on; for None the last ones."""
    begin = max(1, log.lined.total - count + 1) if first is None else first
    window = log.lined.window(begin, count, line_bytes=_LINE_BYTES, most_bytes=_LINE_BYTES * count)
    return _drawn(window, {step.first: step for step in reversed(log.steps)})


def _drawn(window: LogLines, steps: Mapping[int, LinedStep]) -> LogRows:
    rows = [
        LogRow(number=number, text=terminal_line(line.text), left_out=line.left_out_bytes, step=steps.get(number))
        for number, line in enumerate(window.lines, window.first)
    ]
    return LogRows(rows=rows, first=window.first, total=window.total, size=window.size, complete=window.complete)
