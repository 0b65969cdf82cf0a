"""Which marks a log has: kept ones, those that this process knows, and those that have to be made."""

from __future__ import annotations

import threading
from collections import OrderedDict

import msgspec

from cictl_server.log_writer.contract import LogIndex
from cictl_server.log_writer.line_marks import BLOCK, CHECKED, LineMark, LineMarker, checksum_of
from cictl_server.services.logs.lines import LinedLog
from cictl_server.services.logs.reader import JobLog

_REMEMBERED = 256
_READ = 4 * BLOCK
_NOTED_AT_ONCE = 16
"""While a log grows, marks are kept each time that so many came."""


class _Known(msgspec.Struct):
    """The marks of one log, as far as they were made.

    Attributes:
        kept: How many of them the index of the logs has.
        is_checked: They are of a finished log, whose bytes stay as they are.
    """

    marks: list[LineMark]
    kept: int
    is_checked: bool = False


class LineIndex:
    """The marks of all logs.

    A log that an agent of ours has sent was marked when its end was reported. Any other one is read once, by the first who asks for its
    lines; while it grows, what came since. A log may be replaced as a whole meanwhile, by an agent that sends snapshots: then the last
    block has another checksum, and all marks are made anew.
    """

    def __init__(self, index: LogIndex) -> None:
        self._index = index
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def lined(self, log: JobLog) -> LinedLog:
        """Return the lines of *log*."""
        if log.stored < BLOCK:
            return LinedLog(log, [])
        with self._lock:
            known = self._known.get(log.name)
            found = _Known(list(known.marks), known.kept, known.is_checked) if known else None
        if found is None:
            kept = self._index.line_marks(log.name)
            found = _Known(kept, len(kept))
        self._bring_up_to_date(found, log)
        with self._lock:
            self._known[log.name] = found
            self._known.move_to_end(log.name)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return LinedLog(log, found.marks[: log.stored // BLOCK])

    def _bring_up_to_date(self, known: _Known, log: JobLog) -> None:
        if not known.is_checked and known.marks and not _is_of(known.marks, log):
            known.marks, known.kept = [], 0
        wanted = log.stored // BLOCK
        if len(known.marks) < wanted:
            known.marks = _marked(log, known.marks)
            if log.is_complete or len(known.marks) - known.kept >= _NOTED_AT_ONCE:
                self._index.note_line_marks(log.name, known.marks, known=known.kept)
                known.kept = len(known.marks)
        known.is_checked = log.is_complete


def _is_of(marks: list[LineMark], log: JobLog) -> bool:
    """Tell whether the last of *marks* is of *log* as it is."""
    end = len(marks) * BLOCK
    if end > log.stored:
        return log.is_complete  # it was marked before its end was decided, and is not read past that
    return checksum_of(log.read(offset=end - CHECKED, limit=CHECKED).data) == marks[-1].checksum


def _marked(log: JobLog, marks: list[LineMark]) -> list[LineMark]:
    marker, offset, end = LineMarker(marks), len(marks) * BLOCK, log.stored // BLOCK * BLOCK
    while offset < end and (data := log.read(offset=offset, limit=min(_READ, end - offset)).data):
        marker.feed(data)
        offset += len(data)
    return marker.marks
