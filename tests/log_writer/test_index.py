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


@pytest.fixture
def index(logs: LogWriter) -> LogIndex:
    return logs.index


def test_nothing_is_known_of_a_log_that_nobody_noted(index: LogIndex) -> None:
    assert (index.exists(JOB), index.steps(JOB), index.offset_since(JOB, NOON)) == (False, [], None)
    assert index.arrivals(JOB).at(5) == (None, None)


def test_each_byte_has_the_time_of_the_last_note_before_it(index: LogIndex) -> None:
    for offset, seconds in ((0, 0.0), (4, 10.0), (8, 20.5)):
        index.note_arrival(JOB, offset=offset, now=after(seconds))
    times = index.arrivals(JOB)
    assert [times.at(offset) for offset in (0, 3, 4, 8, 99)] == [
        (NOON, 4),
        (NOON, 4),
        (after(10), 8),
        (after(20.5), None),
        (after(20.5), None),
    ]


def test_a_reader_learns_of_later_notes(place: LogPlace, index: LogIndex) -> None:
    times = place.open().index.arrivals(JOB)
    assert times.at(0) == (None, None)
    index.note_arrival(JOB, offset=0, now=NOON)
    assert times.at(0) == (NOON, None)
    index.note_arrival(JOB, offset=7, now=after(5))
    assert (times.at(6), times.at(7)) == ((NOON, 7), (after(5), None))


def test_notes_within_a_second_are_one(index: LogIndex) -> None:
    for offset, seconds in ((0, 0.0), (1, 0.4), (2, 0.9), (3, 1.0)):
        index.note_arrival(JOB, offset=offset, now=after(seconds))
    times = index.arrivals(JOB)
    assert (times.at(2), times.at(3)) == ((NOON, 3), (after(1), None))


def test_bytes_that_arrive_again_keep_their_time(index: LogIndex) -> None:
    index.note_arrival(JOB, offset=0, now=NOON)
    index.note_arrival(JOB, offset=9, now=after(10))
    index.note_arrival(JOB, offset=3, now=after(20))
    assert index.arrivals(JOB).at(3) == (NOON, 9)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-60, 0), (1.0, 0), (1.5, 4), (10.0, 4), (10.5, 4), (12.0, None)],
)
def test_the_first_byte_since_an_instant(index: LogIndex, seconds: float, expected: int | None) -> None:
    """To within a second: bytes up to one second after a note may have come with it."""
    index.note_arrival(JOB, offset=0, now=after(0.5))
    index.note_arrival(JOB, offset=4, now=after(10))
    assert index.offset_since(JOB, after(seconds)) == expected


def test_steps_by_number_and_the_first_note_of_each_counts(index: LogIndex) -> None:
    index.note_steps(JOB, [step(2, "test", offset=40, seconds=5.25), step(1, "make", offset=9)])
    index.note_steps(JOB, [step(2, "other", offset=77), step(3, "ship"), step(3, "twice"), step(0, "none")])
    assert index.steps(JOB) == [
        step(1, "make", offset=9),
        step(2, "test", offset=40, seconds=5.25),
        step(3, "ship"),
    ]


def test_steps_are_no_arrivals(index: LogIndex) -> None:
    index.note_arrival(JOB, offset=0, now=NOON)
    index.note_steps(JOB, [step(1, offset=3, seconds=7)])
    assert index.arrivals(JOB).at(5) == (NOON, None)
    index.note_arrival(JOB, offset=5, now=after(0.5))
    assert index.arrivals(JOB).at(5) == (NOON, None)


def test_steps_are_bounded(index: LogIndex) -> None:
    index.note_steps(JOB, [step(number, "é" * 999) for number in range(1, 601)])
    index.note_steps(JOB, [step(number) for number in range(500, 1200)])
    steps = index.steps(JOB)
    assert [one.index for one in steps] == list(range(1, MOST_STEPS + 1))
    assert steps[0].name == "é" * NAME_CHARACTERS


def test_the_index_goes_with_its_log(logs: LogWriter) -> None:
    for name in (JOB, "job-7.1"):
        logs.index.note_arrival(name, offset=0, now=NOON)
        logs.index.note_steps(name, [step(1)])
    logs.delete(JOB)
    assert (logs.index.exists(JOB), logs.index.steps(JOB), logs.index.arrivals(JOB).at(0)) == (False, [], (None, None))
    assert (logs.index.exists("job-7.1"), logs.index.steps("job-7.1")) == (True, [step(1)])


def test_a_finished_log_keeps_its_index(place: LogPlace, logs: LogWriter) -> None:
    with logs.edit(JOB) as log:
        log.write(b"0123456789", at=0)
    logs.index.note_arrival(JOB, offset=0, now=NOON)
    logs.index.note_arrival(JOB, offset=4, now=after(3))
    logs.index.note_steps(JOB, [step(1, offset=4)])
    logs.finish(JOB, size=10, folder="projects/1")
    index = place.open().index
    times = index.arrivals(JOB)
    assert (times.at(0), times.at(4)) == ((NOON, 4), (after(3), None))
    assert (index.steps(JOB), index.offset_since(JOB, after(2.5)), index.exists(JOB)) == ([step(1, offset=4)], 4, True)
