"""The contract of logs, on every implementation: the marks by which lines are found."""

from __future__ import annotations

from datetime import UTC, datetime

from cictl_testing.stores.log_places import LogPlace

from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.line_marks import BLOCK, CHECKED, LineMark, LineMarker, checksum_of

JOB = "job-7"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINES = b"".join(b"line %d of the log\n" % number for number in range(BLOCK // 6))


def marks_of(data: bytes) -> list[LineMark]:
    ends = range(BLOCK, len(data) + 1, BLOCK)
    return [LineMark(data.count(b"\n", 0, end), checksum_of(data[end - CHECKED : end])) for end in ends]


def test_bytes_are_marked_alike_however_they_come() -> None:
    for size in (1_000, BLOCK, BLOCK + 1, 3 * BLOCK):
        marker = LineMarker()
        for start in range(0, len(LINES), size):
            marker.feed(LINES[start : start + size])
        assert marker.marks == marks_of(LINES)


def test_marks_go_on_after_those_that_are_known() -> None:
    known = marks_of(LINES)[:1]
    marker = LineMarker(known)
    marker.feed(LINES[BLOCK:])
    assert marker.marks == marks_of(LINES)


def test_a_finished_log_has_the_marks_that_were_noted_or_its_own(place: LogPlace, logs: LogWriter) -> None:
    logs.append(JOB, LINES, at=0, now=NOON)
    logs.index.note_line_marks(JOB, marks_of(LINES)[:1], known=0)
    logs.index.note_line_marks(JOB, marks_of(LINES), known=1)
    logs.finish(JOB, size=len(LINES), project="1")
    assert place.open().index.line_marks(JOB) == marks_of(LINES)
    logs.delete(JOB)
    assert logs.index.line_marks(JOB) == []


def test_noted_marks_take_the_place_of_longer_ones(logs: LogWriter) -> None:
    """Where they are kept while a log grows."""
    marks = marks_of(LINES)
    logs.index.note_line_marks(JOB, marks, known=0)
    logs.index.note_line_marks(JOB, marks[:1], known=0)
    assert logs.index.line_marks(JOB) in (marks[:1], [])
