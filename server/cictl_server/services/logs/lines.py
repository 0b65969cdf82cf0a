"""A log by its lines: line 1 holds its first byte, and each line ends with a line feed.

What is served are the bytes that `jobs logs` gives, masked and with the server's own last lines. `\\r` ends no line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

import msgspec

from cictl.wire.results.log_lines import LogLine, LogLines
from cictl_server.log_writer.line_marks import BLOCK, LineMark
from cictl_server.services.logs.reader import JobLog

MOST_LINES = 1000
LINE_BYTES = 1 << 16
"""Bytes of a longer line that are left out: nobody reads them in a window, and `GET jobs/{id}/log` has them."""

_WINDOW_BYTES = 1 << 20


class LinedLog(msgspec.Struct, frozen=True, dict=True):
    """The lines of a log at one moment. Whatever is asked reads three blocks at most, and the lines that it returns.

    Attributes:
        marks: Of the first blocks of the log, all that are whole.
    """

    log: JobLog
    marks: list[LineMark]

    @cached_property
    def total(self) -> int:
        """How many lines there are; the last one may have no end yet."""
        size = self.log.size
        begun = bool(size) and self.log.read(offset=size - 1, limit=1).data != b"\n"
        return self._ends_before(size) + begun

    def number_at(self, offset: int) -> int:
        """Return the number of the line that has the byte at *offset*; past the end the last line's."""
        return max(1, min(self._ends_before(min(offset, self.log.size)) + 1, self.total))

    def first_from(self, offset: int) -> int:
        """Return the number of the first line that begins at *offset* or later, as a step does; it may not be there yet."""
        ends = self._ends_before(min(offset, self.log.size))
        is_begin = offset == 0 or self._read(offset - 1, 1) == b"\n"
        return ends + 1 if is_begin else ends + 2

    def start_of(self, number: int) -> int:
        """Return the offset of the first byte of a line; the log's size if there is none of that *number*."""
        ends = number - 1
        if ends <= 0:
            return 0
        if number > self.total:
            return self.log.size
        block = bisect_left(self.marks, ends, key=lambda mark: mark.ends)
        offset = block * BLOCK
        left = ends - (self.marks[block - 1].ends if block else 0)
        while data := self._read(offset, BLOCK):
            here = data.count(b"\n")
            if here >= left:
                return offset + len(data) - len(data.split(b"\n", left)[left])
            left -= here
            offset += len(data)
        return self.log.size

    def window(
        self, first: int, count: int, *, line_bytes: int = LINE_BYTES, most_bytes: int = _WINDOW_BYTES
    ) -> LogLines:
        """Return up to *count* lines from line *first* on, and one at least if there is one.

        Args:
            line_bytes: How many bytes of a longer line are returned.
            most_bytes: There are fewer lines if those would be more.
        """
        start = self.start_of(first)
        found = list(self._lines(first, start, count, line_bytes, most_bytes))
        return LogLines(
            first=first,
            offset=start,
            next_offset=found[-1][1] if found else start,
            lines=[line for line, _ in found],
            total=self.total,
            size=self.log.size,
            complete=self.log.is_complete,
        )

    def _lines(
        self, number: int, offset: int, count: int, line_bytes: int, budget: int
    ) -> Iterator[tuple[LogLine, int]]:
        """Yield each line with the offset of the one after it."""
        while count > 0 and budget > 0 and offset < self.log.size:
            data = self._read(offset, BLOCK)
            pieces = data.split(b"\n", count)
            rest = pieces.pop()
            for piece in pieces:
                if budget <= 0:
                    return
                offset += len(piece) + 1
                yield _line(piece, len(piece), line_bytes), offset
                number, count, budget = number + 1, count - 1, budget - min(len(piece), line_bytes) - 1
            if not pieces:  # one line fills the block, or the log ends without a line feed
                if not rest:
                    return
                following = offset + len(rest) if offset + len(rest) >= self.log.size else self.start_of(number + 1)
                ended = following < self.log.size or self._read(following - 1, 1) == b"\n"
                yield _line(rest, following - offset - ended, line_bytes), following
                number, count, budget = number + 1, count - 1, budget - line_bytes
                offset = following

    def _ends_before(self, offset: int) -> int:
        block = min(offset // BLOCK, len(self.marks))
        ends = self.marks[block - 1].ends if block else 0
        at = block * BLOCK
        while at < offset and (data := self._read(at, min(BLOCK, offset - at))):
            ends += data.count(b"\n")
            at += len(data)
        return ends

    def _read(self, offset: int, limit: int) -> bytes:
        return self.log.read(offset=offset, limit=limit).data


def _line(data: bytes, size: int, line_bytes: int) -> LogLine:
    """Return the line of which *data* is the beginning, or all *size* bytes."""
    kept = data[:line_bytes]
    return LogLine(text=kept.decode(errors="replace"), left_out_bytes=size - len(kept))
