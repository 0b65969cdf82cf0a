"""Logs by their lines."""

from __future__ import annotations

from cictl.wire.codec import Message


class LogLine(Message):
    """One line of a log, without its line feed.

    Attributes:
        text: As the job printed it, with `\\r` and control sequences. What is not UTF-8 is replaced.
        left_out_bytes: How many bytes at its end are missing here, because it is longer than 64 KiB.
    """

    text: str
    left_out_bytes: int = 0


class LogLines(Message):
    """`GET jobs/{id}/log/lines`: some lines that follow each other.

    Attributes:
        first: The number of the first of `lines`. Line 1 holds the log's first byte.
        offset: Where that line begins.
        next_offset: Where the line after the last of `lines` begins.
        total: How many lines the log has so far. The last one may still grow.
        size: Bytes of the log so far.
        complete: Whether the execution is over, so that `total` is final.
    """

    first: int
    offset: int
    next_offset: int
    lines: list[LogLine]
    total: int
    size: int
    complete: bool


class LogHit(Message):
    """A line that has the text; `text` is its beginning, without control sequences."""

    line: int
    text: str


class LogHits(Message):
    """`GET jobs/{id}/log/search`: lines that have the text.

    Attributes:
        size: Bytes of the log so far.
        complete: Whether the execution is over.
        next_offset: From where to search on; absent once the whole log was searched.
    """

    hits: list[LogHit]
    size: int
    complete: bool
    next_offset: int | None = None
