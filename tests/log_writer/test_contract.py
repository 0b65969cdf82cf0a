"""The contract of logs, on every implementation: bytes by name and offset."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from cictl_testing.stores.log_places import LogPlace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cictl_server.blobs.contract import BLOCK
from cictl_server.log_writer.contract import LogWriter, Notes, WholeLog

JOB = "job-7"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write(logs: LogWriter, data: bytes, *, at: int | None = None, name: str = JOB, undecided: int = 0) -> None:
    """Make *data* the end of a log, from its present end on unless *at* says where."""
    with logs.edit(name) as log:
        log.write(data, at=log.size if at is None else at, now=NOW, undecided=undecided)


def whole(logs: LogWriter, name: str = JOB) -> bytes:
    return logs.read(name, offset=0, limit=1 << 30)


def test_a_log_that_nobody_wrote_is_empty(logs: LogWriter) -> None:
    assert (logs.size(JOB), logs.shown_size(JOB), whole(logs), list(logs.names())) == (0, 0, b"", [])


def test_what_is_written_can_be_read_at_once_by_every_server(place: LogPlace, logs: LogWriter) -> None:
    other = place.open()
    for piece in (b"one\n", b"two\n"):
        write(logs, piece)
    assert (other.size(JOB), whole(other)) == (8, b"one\ntwo\n")
    write(other, b"three\n")
    assert whole(logs) == b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        pytest.param(0, 0, b"", id="nothing"),
        pytest.param(0, 3, b"012", id="the beginning"),
        pytest.param(3, 4, b"3456", id="over the borders of pieces"),
        pytest.param(8, 9, b"89", id="past the end"),
        pytest.param(10, 1, b"", id="at the end"),
        pytest.param(10**18, 1, b"", id="where no file ends"),
    ],
)
def test_ranges(logs: LogWriter, offset: int, limit: int, expected: bytes) -> None:
    for piece in (b"0123", b"45", b"6789"):
        write(logs, piece)
    assert logs.read(JOB, offset=offset, limit=limit) == expected


@pytest.mark.parametrize(
    ("data", "at", "expected"),
    [
        pytest.param(b"ab", 10, b"0123456789ab", id="continued"),
        pytest.param(b"ab", 9, b"012345678ab", id="over the end"),
        pytest.param(b"ab", 4, b"0123ab", id="a shorter end"),
        pytest.param(b"", 5, b"01234", id="cut"),
        pytest.param(b"new", 0, b"new", id="replaced"),
        pytest.param(b"", 0, b"", id="emptied"),
        pytest.param(b"", 10, b"0123456789", id="nothing new"),
    ],
)
def test_a_new_end(logs: LogWriter, data: bytes, at: int, expected: bytes) -> None:
    for piece in (b"0123", b"45", b"6789"):
        write(logs, piece)
    with logs.edit(JOB) as log:
        assert log.read_from(3) == b"3456789"
        log.write(data, at=at, now=NOW)
        assert log.size == len(expected)
    assert (whole(logs), logs.size(JOB), logs.shown_size(JOB)) == (expected, len(expected), len(expected))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 40), st.integers(0, 9)), max_size=8), st.integers(1, 9))
def test_many_ends(place: LogPlace, ends: list[tuple[bytes, int, int]], number: int) -> None:
    """Whatever is written where, a log is what a list of bytes would be, for each of two servers that take turns."""
    servers = [place.open(), place.open()]
    name, model = f"job-{number}", b""
    servers[0].delete(name)
    for turn, (data, at, undecided) in enumerate(ends):
        place_of_end = min(at, len(model))
        model = model[:place_of_end] + data
        undecided = min(undecided, len(model))
        write(servers[turn % 2], data, at=place_of_end, name=name, undecided=undecided)
        other = servers[(turn + 1) % 2]
        assert (whole(other, name), other.size(name)) == (model, len(model))
        assert other.shown_size(name) == len(model) - undecided


def test_an_append_happens_only_at_the_end_that_is_named(place: LogPlace, logs: LogWriter) -> None:
    assert logs.append(JOB, b"0123", at=0, now=NOW)
    assert logs.append(JOB, b"4567", at=4, now=NOW, undecided=3)
    assert [place.open().append(JOB, b"x", at=at, now=NOW) for at in (0, 4, 7, 9)] == [False] * 4
    assert (whole(logs), logs.shown_size(JOB)) == (b"01234567", 5)
    assert place.open().append(JOB, b"8", at=8, now=NOW)
    assert (whole(logs), logs.shown_size(JOB)) == (b"012345678", 9)


def test_of_appends_at_one_place_one_happens(place: LogPlace) -> None:
    """Each thread appends its letter wherever the log ends, and counts how often that was still the end."""
    counts = dict.fromkeys(b"abcd", 0)

    def append(server: LogWriter, letter: int) -> None:
        for _ in range(40):
            counts[letter] += server.append(JOB, bytes([letter]), at=server.size(JOB), now=NOW)

    threads = [threading.Thread(target=append, args=pair) for pair in zip(place.at_once(4), counts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = whole(place.open())
    assert {letter: log.count(letter) for letter in counts} == counts
    assert len(log) >= 40


def test_an_undecided_end_is_shown_after_the_next_write(place: LogPlace, logs: LogWriter) -> None:
    write(logs, b"say hunt", undecided=4)
    assert (logs.shown_size(JOB), logs.size(JOB)) == (4, 8)
    assert place.open().shown_size(JOB) == 4, "another server, or this one after a restart, shows no more"
    write(logs, b"ing")
    assert place.open().shown_size(JOB) == 11


def test_an_undecided_end_may_be_longer_than_its_last_piece(logs: LogWriter) -> None:
    for piece in b"hunt":
        write(logs, bytes([piece]), undecided=logs.size(JOB) + 1)
    assert (logs.shown_size(JOB), whole(logs)) == (0, b"hunt")


def test_a_change_that_fails_before_it_writes_changes_nothing(logs: LogWriter) -> None:
    write(logs, b"one")
    with pytest.raises(ZeroDivisionError), logs.edit(JOB) as log:
        log.write(b"two", at=log.size // 0, now=NOW)
    assert whole(logs) == b"one"
    write(logs, b"two")
    assert whole(logs) == b"onetwo"


def test_changes_of_one_log_take_turns(place: LogPlace) -> None:
    def count(server: LogWriter) -> None:
        for _ in range(20):
            with server.edit(JOB) as log:
                log.write(b"%06d\n" % (log.size // 7), at=log.size, now=NOW)

    threads = [threading.Thread(target=count, args=(server,)) for server in place.at_once(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole(place.open()) == b"".join(b"%06d\n" % number for number in range(80))


def test_logs_do_not_mix(logs: LogWriter) -> None:
    names = ["job-1", "job-1.1", "job-10", "job-1.10"]
    for name in names:
        write(logs, name.encode(), name=name)
    logs.delete("job-1")
    assert sorted(logs.names()) == ["job-1.1", "job-1.10", "job-10"]
    assert [whole(logs, name) for name in names] == [b"", b"job-1.1", b"job-10", b"job-1.10"]


def test_a_removed_log_can_begin_anew(logs: LogWriter) -> None:
    write(logs, b"old and long", undecided=3)
    logs.delete(JOB)
    logs.delete(JOB)
    assert (logs.size(JOB), logs.shown_size(JOB), list(logs.names())) == (0, 0, [])
    write(logs, b"new")
    assert (whole(logs), logs.shown_size(JOB)) == (b"new", 3)


def test_a_sealed_log_is_as_before(place: LogPlace, logs: LogWriter) -> None:
    logs.seal(JOB)
    write(logs, b"one\n")
    logs.seal(JOB)
    assert whole(place.open()) == b"one\n"


def test_a_log_at_its_end_is_durable_or_short_and_to_be_taken_along(place: LogPlace, logs: LogWriter) -> None:
    write(logs, b"one\n")
    size, short = logs.seal_or_read(JOB)
    assert size == 4
    assert short is None or short.content == b"one\n"
    write(logs, bytes(5000))
    assert logs.seal_or_read(JOB) == (5004, None)
    assert logs.seal_or_read("job-0") == (0, None)
    assert whole(place.open()) == b"one\n" + bytes(5000)


@pytest.mark.parametrize("size", [0, 5, 12])
def test_readers_see_no_difference_when_a_log_is_finished(place: LogPlace, logs: LogWriter, size: int) -> None:
    reader = place.open()
    for piece in (b"0123", b"4567", b"89ab"):
        write(logs, piece)
    for _ in range(2):
        logs.finish(JOB, size=size, project="shop")
        for start in range(size):
            assert reader.read(JOB, offset=start, limit=size - start) == b"0123456789ab"[start:size]
    assert list(logs.names()) == [JOB]
    assert list(logs.unfinished()) == []


def test_what_comes_after_the_end_changes_nothing_that_is_read(logs: LogWriter) -> None:
    write(logs, b"0123456789")
    logs.finish(JOB, size=6, project="shop")
    write(logs, b"late")
    write(logs, b"later", at=logs.size(JOB))
    logs.append(JOB, b"latest", at=logs.size(JOB), now=NOW)
    assert logs.read(JOB, offset=0, limit=6) == b"012345"
    assert list(logs.unfinished()) == []


def test_a_finished_log_can_be_removed(logs: LogWriter) -> None:
    write(logs, b"0123456789")
    logs.finish(JOB, size=10, project="shop")
    logs.delete(JOB)
    assert (whole(logs), logs.size(JOB), list(logs.names())) == (b"", 0, [])


def test_a_log_without_a_byte_can_be_finished(logs: LogWriter) -> None:
    logs.finish(JOB, size=0, project="shop")
    assert (whole(logs), logs.size(JOB)) == (b"", 0)


def received(logs: LogWriter, content: bytes, *, notes: Notes | None = None, **fields: Any) -> WholeLog:
    """Give *logs* a log of another writer."""
    log = WholeLog(name=JOB, size=len(content), notes=notes or Notes(), project="1", **fields)
    logs.receive(log, io.BytesIO(content + b"past its size"))
    return log


@pytest.mark.parametrize("is_finished", [pytest.param(True, id="finished"), pytest.param(False, id="unfinished")])
def test_a_log_of_another_writer_is_kept_with_all_that_is_noted(
    place: LogPlace, logs: LogWriter, *, is_finished: bool
) -> None:
    notes = Notes(arrivals=[(0, 1_000), (3, 2_500)], steps=[(1, 2, "make", 1_100, 0), (2, 2, "test", 2_600, 3)])
    received(logs, b"abcdef", notes=notes, is_finished=is_finished)
    other = place.open()
    assert (other.size(JOB), whole(other), other.index.notes(JOB)) == (6, b"abcdef", notes)
    assert other.read(JOB, offset=4, limit=9) == b"ef"
    assert other.index.offset_since(JOB, datetime.fromtimestamp(3.0, UTC)) == 3


def test_a_received_log_hides_what_is_undecided_and_goes_on(logs: LogWriter) -> None:
    received(logs, b"abcdef", undecided=2)
    assert (logs.size(JOB), logs.shown_size(JOB)) == (6, 4)
    assert logs.append(JOB, b"gh", at=6, now=NOW)
    assert (logs.shown_size(JOB), whole(logs)) == (8, b"abcdefgh")


def test_a_received_log_replaces_a_shorter_one_and_its_notes(logs: LogWriter) -> None:
    write(logs, b"ab")
    received(logs, b"abcdef", notes=Notes(arrivals=[(0, 5_000)]), is_finished=True)
    assert (whole(logs), logs.index.notes(JOB), list(logs.names())) == (b"abcdef", Notes(arrivals=[(0, 5_000)]), [JOB])


def test_a_received_log_without_bytes_keeps_its_notes(logs: LogWriter) -> None:
    notes = Notes(steps=[(1, 1, "make", 1_100, 0)])
    received(logs, b"", notes=notes, is_finished=True)
    assert (logs.size(JOB), logs.index.notes(JOB)) == (0, notes)


def test_a_long_log_is_received_by_parts(logs: LogWriter) -> None:
    content = b"0123456789abcdef" * (BLOCK // 8)
    received(logs, content, undecided=BLOCK + 3)
    assert (logs.shown_size(JOB), whole(logs)) == (len(content) - BLOCK - 3, content)
