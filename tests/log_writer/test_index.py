"""The contract of logs, on every implementation: when bytes arrived, and where steps begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cictl_testing.stores.log_places import LogPlace

from cictl.wire.jobs import LoggedStep
from cictl_server.log_writer.contract import MOST_STEPS, NAME_CHARACTERS, LogIndex, LogWriter

JOB = "job-7"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def step(index: int, name: str = "test", *, offset: int = 0, seconds: float = 0.0) -> LoggedStep:
    return LoggedStep(index=index, total=9, name=name, started_utc=after(seconds), log_offset=offset)


def arrive(logs: LogWriter, size: int, *, seconds: float) -> None:
    """Let the log grow to *size* bytes after so many seconds; half of the times by the cheap way."""
    at = logs.size(JOB)
    data, now = b"x" * (size - at), after(seconds)
    if size % 2:
        assert logs.append(JOB, data, at=at, now=now)
    else:
        with logs.edit(JOB) as log:
            log.write(data, at=at, now=now)


@pytest.fixture
def index(logs: LogWriter) -> LogIndex:
    return logs.index


def test_nothing_is_known_of_a_log_that_nobody_noted(index: LogIndex) -> None:
    assert (index.exists(JOB), index.steps(JOB), index.offset_since(JOB, NOON)) == (False, [], None)
    assert index.arrivals(JOB).at(5) == (None, None)


def test_each_byte_has_the_time_of_its_arrival(logs: LogWriter) -> None:
    for size, seconds in ((4, 0.0), (9, 10.0), (12, 20.5)):
        arrive(logs, size, seconds=seconds)
    times = logs.index.arrivals(JOB)
    assert [times.at(offset) for offset in (0, 3, 4, 9, 99)] == [
        (NOON, 4),
        (NOON, 4),
        (after(10), 9),
        (after(20.5), None),
        (after(20.5), None),
    ]


def test_a_reader_learns_of_later_bytes(place: LogPlace, logs: LogWriter) -> None:
    times = place.open().index.arrivals(JOB)
    assert times.at(0) == (None, None)
    arrive(logs, 7, seconds=0)
    assert times.at(0) == (NOON, None)
    arrive(logs, 8, seconds=5)
    assert (times.at(6), times.at(7)) == ((NOON, 7), (after(5), None))


def test_what_comes_within_a_second_has_one_time(logs: LogWriter) -> None:
    for size, seconds in ((1, 0.0), (2, 0.4), (3, 0.9), (4, 1.0)):
        arrive(logs, size, seconds=seconds)
    times = logs.index.arrivals(JOB)
    assert (times.at(2), times.at(3)) == ((NOON, 3), (after(1), None))


def test_bytes_that_arrive_again_keep_their_time(logs: LogWriter) -> None:
    arrive(logs, 9, seconds=0)
    arrive(logs, 12, seconds=10)
    with logs.edit(JOB) as log:
        log.write(b"yyy", at=0, now=after(20))
    with logs.edit(JOB) as log:
        log.write(b"yyyyyyyyy", at=3, now=after(30))
    times = logs.index.arrivals(JOB)
    assert (times.at(3), times.at(9)) == ((NOON, 9), (after(10), None))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-60, 0), (1.0, 0), (1.5, 4), (10.0, 4), (10.5, 4), (12.0, None)],
)
def test_the_first_byte_since_an_instant(logs: LogWriter, seconds: float, expected: int | None) -> None:
    """To within a second: bytes up to one second after a note may have come with it."""
    arrive(logs, 4, seconds=0.5)
    arrive(logs, 7, seconds=10)
    assert logs.index.offset_since(JOB, after(seconds)) == expected


def test_steps_by_number_and_the_first_note_of_each_counts(index: LogIndex) -> None:
    index.note_steps(JOB, [step(2, "test", offset=40, seconds=5.25), step(1, "make", offset=9)])
    index.note_steps(JOB, [step(2, "other", offset=77), step(3, "ship"), step(3, "twice"), step(0, "none")])
    assert index.steps(JOB) == [
        step(1, "make", offset=9),
        step(2, "test", offset=40, seconds=5.25),
        step(3, "ship"),
    ]


def test_steps_are_no_arrivals(logs: LogWriter) -> None:
    arrive(logs, 5, seconds=0)
    logs.index.note_steps(JOB, [step(1, offset=3, seconds=7)])
    arrive(logs, 6, seconds=0.5)
    assert logs.index.arrivals(JOB).at(5) == (NOON, None)


def test_steps_are_bounded(index: LogIndex) -> None:
    index.note_steps(JOB, [step(number, "é" * 999) for number in range(1, 601)])
    index.note_steps(JOB, [step(number) for number in range(500, 1200)])
    steps = index.steps(JOB)
    assert [one.index for one in steps] == list(range(1, MOST_STEPS + 1))
    assert steps[0].name == "é" * NAME_CHARACTERS


def test_the_index_goes_with_its_log(logs: LogWriter) -> None:
    for name in (JOB, "job-7.1"):
        assert logs.append(name, b"x", at=0, now=NOON)
        logs.index.note_steps(name, [step(1)])
    logs.delete(JOB)
    assert (logs.index.exists(JOB), logs.index.steps(JOB), logs.index.arrivals(JOB).at(0)) == (False, [], (None, None))
    assert (logs.index.exists("job-7.1"), logs.index.steps("job-7.1")) == (True, [step(1)])


def test_a_finished_log_keeps_its_index(place: LogPlace, logs: LogWriter) -> None:
    arrive(logs, 4, seconds=0)
    arrive(logs, 10, seconds=3)
    logs.index.note_steps(JOB, [step(1, offset=4)])
    logs.finish(JOB, size=10, project="shop")
    index = place.open().index
    times = index.arrivals(JOB)
    assert (times.at(0), times.at(4)) == ((NOON, 4), (after(3), None))
    assert (index.steps(JOB), index.offset_since(JOB, after(2.5)), index.exists(JOB)) == ([step(1, offset=4)], 4, True)
