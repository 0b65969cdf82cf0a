"""Looking for a text in a log, a part of it at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cictl.wire.results.log_lines import LogHit, LogHits
from cictl_server.services.logs.lines import LinedLog

MOST_HITS = 500
LONGEST_QUERY = 400

_READ = 1 << 20
_SEARCHED = 16 << 20
"""Bytes that one call looks through at most: a tenth of a second or so. The caller goes on at `next_offset`."""

_OVERLAP = 1 << 12
"""Bytes of a very long line that are looked through twice, so that no text is missed where it was cut."""

_SHOWN_CHARACTERS = 300
_CONTROL = re.compile(rb"\x1b\[[0-9;:?]*[ -/]*[@-~]")
"""Control sequences of terminals, which may stand inside a word."""


def search(lined: LinedLog, text: str, *, offset: int, most: int) -> LogHits:
    """Return the lines that have *text*, in whatever case, among those that begin at *offset* or later.

    Args:
        text: Not empty. It is no pattern.
        most: Lines to return at most.
    """
    wanted = text.casefold()
    hits: list[LogHit] = []
    searched = offset
    number = lined.number_at(offset) if offset < lined.log.size else lined.total
    for data, following in _parts(lined, offset):
        for line, at in _hits_in(data, wanted):
            if len(hits) == most:
                return _answer(lined, hits, next_offset=lined.start_of(hits[-1].line + 1))
            if not hits or hits[-1].line != number + line:
                hits.append(LogHit(line=number + line, text=at))
        number += data.count(b"\n")
        searched = following
        if searched - offset >= _SEARCHED:
            break
    return _answer(lined, hits, next_offset=searched if searched < lined.log.size else None)


def _answer(lined: LinedLog, hits: list[LogHit], *, next_offset: int | None) -> LogHits:
    is_over = next_offset is None or next_offset >= lined.log.size
    size = lined.log.size
    return LogHits(hits=hits, next_offset=None if is_over else next_offset, size=size, complete=lined.log.is_complete)


def _parts(lined: LinedLog, offset: int) -> Iterator[tuple[bytes, int]]:
    """Yield the log from *offset* on in parts, with where the next one begins. They end with a line, unless one line fills a whole part."""
    while data := lined.log.read(offset=offset, limit=_READ).data:
        is_last = offset + len(data) >= lined.log.size
        end = data.rfind(b"\n") + 1
        if end and not is_last:
            data = data[:end]
        offset += len(data) if end or is_last else len(data) - _OVERLAP
        yield data, offset


def _hits_in(data: bytes, wanted: str) -> Iterator[tuple[int, str]]:
    """Yield each line of *data* that has the text: how many lines end before it, and its beginning."""
    if b"\x1b" in data:
        data = _CONTROL.sub(b"", data)
    if data.isascii():
        yield from _found(data.decode("ascii"), data.decode("ascii").lower(), wanted)
    else:
        text = data.decode(errors="replace")
        yield from _found(text, text.casefold(), wanted)


def _found(text: str, folded: str, wanted: str) -> Iterator[tuple[int, str]]:
    lines: list[str] | None = None
    at, line, counted = folded.find(wanted), 0, 0
    while at >= 0:
        line += folded.count("\n", counted, at)
        lines = lines if lines is not None else text.split("\n")
        yield line, lines[line][:_SHOWN_CHARACTERS]
        counted = folded.find("\n", at)
        if counted < 0:
            return
        at = folded.find(wanted, counted)
