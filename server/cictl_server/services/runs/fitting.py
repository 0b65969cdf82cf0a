"""Fitting the summary of a run into few bytes: each part gets a share, and what one leaves goes to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from cictl.base.text.characters import escaped_lines
from cictl.wire.runs import FailedJob, FailedTest, RunSummary
from cictl_server.services.core.limits.bounds import Bounds, bounded, cut_text

T = TypeVar("T", bound=FailedJob | FailedTest | str)

_TEXT_BYTES = 200
"""Of a name, an error or a line of the history."""
_TEST_BYTES = 400
_SHARE_OF_RUNS = 0.15
_SHARE_OF_TESTS = 0.35
_SHARE_OF_ERRORS = 0.5
"""How much of the room for failed jobs is for the lines without their logs' ends."""
_INDENT = 12
"""Bytes that indented JSON has for an item besides the item itself, and for each of its fields."""
_CUT = "…\n"


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a summary has besides the run; `truncated` tells whether something was left out before."""

    failed_jobs: Sequence[FailedJob]
    failed_tests: Sequence[FailedTest]
    since_last_success: Sequence[str]
    truncated: bool


def fitted(summary: RunSummary, parts: Parts, *, max_bytes: int) -> RunSummary:
    """Return *summary* with as much of *parts* as fits into *max_bytes* of JSON, compact or indented."""
    bare = _bare(summary, max_bytes)
    room = max_bytes - size_of(bare)
    while True:
        filled = _filled(bare, parts, room=room)
        excess = size_of(filled) - max_bytes
        if excess <= 0 or room <= 0:
            return filled
        room -= max(excess, 64)


def size_of(message: msgspec.Struct) -> int:
    """Return the bytes of the JSON that people see, which is the longer form."""
    return len(escaped_lines(msgspec.json.format(msgspec.json.encode(message), indent=2).decode()).encode()) + 1


def _bare(summary: RunSummary, max_bytes: int) -> RunSummary:
    """Return *summary* with texts so short that it takes half of the room at most, as far as they can be cut."""
    for text, items in ((500, 100), (_TEXT_BYTES, 5), (80, 0), (30, 0)):
        cut = bounded(summary, Bounds(text=text, items=items))
        if size_of(cut) <= max_bytes // 2:
            return cut if cut == summary else replace(cut, truncated=True)
    return replace(cut, truncated=True)


def _filled(bare: RunSummary, parts: Parts, *, room: int) -> RunSummary:
    runs = _taken([cut_text(line, _TEXT_BYTES) for line in parts.since_last_success], room=int(room * _SHARE_OF_RUNS))
    room -= sum(map(_cost, runs))
    tests = _taken(list(map(_short_test, parts.failed_tests)), room=int(room * _SHARE_OF_TESTS))
    room -= sum(map(_cost, tests))
    jobs = list(_with_tails(parts.failed_jobs, room=room))
    is_whole = (jobs, tests, runs) == (
        list(parts.failed_jobs),
        list(parts.failed_tests),
        list(parts.since_last_success),
    )
    return replace(
        bare,
        failed_jobs=jobs,
        failed_tests=tests,
        since_last_success=runs,
        truncated=bare.truncated or parts.truncated or not is_whole,
    )


def _with_tails(jobs: Sequence[FailedJob], *, room: int) -> Iterator[FailedJob]:
    """Yield the first of *jobs*, each with an equal part of the room for the end of its log."""
    short = [
        replace(job, step=cut_text(job.step, _TEXT_BYTES), error=cut_text(job.error, _TEXT_BYTES), tail="")
        for job in jobs
    ]
    taken = _taken(short, room=int(room * _SHARE_OF_ERRORS))
    left = room - sum(map(_cost, taken))
    for place, (job, whole) in enumerate(zip(taken, jobs, strict=False)):
        tail = _last_lines(whole.tail, room=left // (len(taken) - place))
        left -= _cost(tail)
        yield replace(job, tail=tail)


def _taken(items: Sequence[T], *, room: int) -> list[T]:
    """Return the first of *items*, as many as fit."""
    taken: list[T] = []
    for item in items:
        room -= _cost(item)
        if room < 0:
            break
        taken.append(item)
    return taken


def _last_lines(tail: str, *, room: int) -> str:
    """Return the last whole lines of *tail* that fit; of a last line that is longer, its end."""
    if _cost(tail) <= room:
        return tail
    kept: list[str] = []
    room -= _cost(_CUT)
    for line in reversed(tail.split("\n")):
        cost = len(msgspec.json.encode(line)) + 2
        if cost > room:
            if not kept and room > 0:
                kept.append(line[-(room // 6) :])
            break
        room -= cost
        kept.append(line)
    return _CUT + "\n".join(reversed(kept)) if kept else ""


def _short_test(test: FailedTest) -> FailedTest:
    return FailedTest(name=cut_text(test.name, _TEXT_BYTES), text=cut_text(test.text, _TEST_BYTES))


def _cost(item: msgspec.Struct | str) -> int:
    fields = 1 if isinstance(item, str) else len(item.__struct_fields__) + 2
    return len(msgspec.json.encode(item)) + fields * _INDENT
