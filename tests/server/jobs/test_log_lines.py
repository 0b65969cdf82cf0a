"""Logs by their lines, and looking for a text in them."""

from __future__ import annotations

from itertools import accumulate

import pytest
from cictl_testing.server import RunningServer

from cictl.wire.results.log_lines import LogHits, LogLines
from cictl_server.log_writer.line_marks import BLOCK

NUMBERED = b"".join(b"line %d\n" % number for number in range(1, 100_001))
"""Four blocks and a half."""


def logged(server: RunningServer, data: bytes) -> str:
    """Return the id of a running execution with this log."""
    server.enqueue()
    job = server.running()
    if data:
        write(server, job.id, data, at=0)
    return job.id


def write(server: RunningServer, job_id: str, data: bytes, *, at: int) -> None:
    server.services.logs.book.append(job_id, data, offset=at)


def lines(server: RunningServer, job_id: str, query: str = "") -> LogLines:
    return server.read(LogLines, f"/api/v1/jobs/{job_id}/log/lines?{query}")


def texts(window: LogLines) -> list[str]:
    return [line.text for line in window.lines]


def hits(server: RunningServer, job_id: str, query: str) -> LogHits:
    return server.read(LogHits, f"/api/v1/jobs/{job_id}/log/search?{query}")


@pytest.mark.parametrize(
    ("query", "first", "expected"),
    [
        pytest.param("", 1, ["a", "bb", "", "d\rd2", "e"], id="the last ones"),
        pytest.param("count=2", 4, ["d\rd2", "e"], id="the last two"),
        pytest.param("from=2&count=2", 2, ["bb", ""], id="from a line on"),
        pytest.param("offset=3&count=1", 2, ["bb"], id="with a byte"),
        pytest.param("offset=5&count=1", 3, [""], id="with the byte of an empty line"),
        pytest.param("offset=99", 5, ["e"], id="with a byte past the end"),
        pytest.param("from=6", 6, [], id="past the end"),
    ],
)
def test_windows(server: RunningServer, query: str, first: int, expected: list[str]) -> None:
    window = lines(server, logged(server, b"a\nbb\n\nd\rd2\ne"), query)
    assert (window.first, texts(window), window.total, window.complete) == (first, expected, 5, False)


@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["open", "ended"])
def test_each_line_of_a_long_log_is_found_where_it_is(server: RunningServer, ending: bytes) -> None:
    data = NUMBERED[:-1] + ending
    job_id = logged(server, data)
    starts = list(accumulate((len(line) + 1 for line in data.split(b"\n")), initial=0))
    for number in (1, 2, 29_000, 31_999, 50_000, 99_999, 100_000):
        window = lines(server, job_id, f"from={number}&count=2")
        assert (texts(window)[0], window.offset, window.total) == (f"line {number}", starts[number - 1], 100_000)
        assert lines(server, job_id, f"offset={starts[number - 1] + 3}&count=1").first == number
        assert window.next_offset == min(starts[min(number + 1, 100_000)], len(data))


def test_the_servers_own_last_lines_are_lines_too(server: RunningServer) -> None:
    job_id = logged(server, b"one\ntwo")
    server.cancel(job_id)
    window = lines(server, job_id)
    assert (texts(window), window.total) == (["one", "two", "[control] job cancelled by user"], 3)
    assert window.complete


def test_no_lines_without_a_log(server: RunningServer) -> None:
    job_id = server.enqueue()
    assert lines(server, job_id) == LogLines(
        first=1, offset=0, next_offset=0, lines=[], total=0, size=0, complete=False
    )


def test_what_a_growing_log_adds_is_counted(server: RunningServer) -> None:
    job_id, at = logged(server, b""), 0
    for _ in range(20):
        write(server, job_id, NUMBERED, at=at)
        at += len(NUMBERED)
        assert lines(server, job_id, "count=1").total == at // len(NUMBERED) * 100_000
    server.restart()
    window = lines(server, job_id, "from=1900001&count=1")
    assert (texts(window), window.total) == (["line 1"], 2_000_000)


def test_a_log_that_was_replaced_is_counted_anew(server: RunningServer) -> None:
    job_id = logged(server, NUMBERED)
    assert lines(server, job_id).total == 100_000
    server.services.logs.book.reset(job_id)
    write(server, job_id, b"other words\n" * 60_000, at=0)
    assert lines(server, job_id).total == 60_000
    assert texts(lines(server, job_id, "from=50000&count=1")) == ["other words"]


def test_a_very_long_line_is_cut_and_those_after_it_are_there(server: RunningServer) -> None:
    job_id = logged(server, b"a\n" + b"x" * (3 * BLOCK) + b"\nb\n")
    window = lines(server, job_id, "from=1")
    assert [(line.text[:3], line.left_out_bytes) for line in window.lines] == [
        ("a", 0),
        ("xxx", 3 * BLOCK - 65_536),
        ("b", 0),
    ]
    assert texts(lines(server, job_id, "from=3")) == ["b"]


def test_a_very_long_line_may_be_the_last(server: RunningServer) -> None:
    job_id = logged(server, b"a\n" + b"x" * (2 * BLOCK))
    window = lines(server, job_id)
    assert [line.left_out_bytes for line in window.lines] == [0, 2 * BLOCK - 65_536]
    assert (window.total, window.next_offset) == (2, 2 + 2 * BLOCK)


def test_a_window_of_long_lines_is_bounded_and_tells_where_to_go_on(server: RunningServer) -> None:
    job_id = logged(server, (b"y" * 60_000 + b"\n") * 40)
    window = lines(server, job_id, "from=1&count=40")
    assert 1 < len(window.lines) < 40
    assert lines(server, job_id, f"offset={window.next_offset}&count=1").first == len(window.lines) + 1


def test_an_undecided_end_has_no_lines(server: RunningServer) -> None:
    job_id = logged(server, b"a\nb\n")
    with server.services.logs.book._writer.edit(job_id) as log:
        log.write(b"sec\nret", at=4, now=server.services.core.clock(), undecided=7)
    assert lines(server, job_id).total == 2
    assert hits(server, job_id, "q=sec").hits == []


@pytest.mark.parametrize("query", ["from=x", "count=-1", "offset=1.5"])
def test_bad_numbers_of_lines_are_named(server: RunningServer, query: str) -> None:
    answer = server.get(f"/api/v1/jobs/{logged(server, b'x')}/log/lines", query_string=query)
    assert (answer.status_code, query.partition("=")[0] in answer.text) == (400, True)


@pytest.mark.parametrize("query", ["", "q=", "q=%0A", f"q={'x' * 401}", "q=a&max=x"])
def test_bad_searches_are_refused(server: RunningServer, query: str) -> None:
    assert server.get(f"/api/v1/jobs/{logged(server, b'x')}/log/search", query_string=query).status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("q=ERROR", [2, 4], id="case"),
        pytest.param("q=str%C3%A4sse", [5], id="case of other letters"),
        pytest.param("q=.*", [], id="no pattern"),
        pytest.param("q=red%20alert", [6], id="colours inside"),
        pytest.param("q=error&max=1", [2], id="bounded"),
        pytest.param("q=error&offset=19", [4], id="from a byte on"),
    ],
)
def test_lines_that_have_a_text_are_found(server: RunningServer, query: str, expected: list[int]) -> None:
    log = "begin\nerror: Error\nfine\nno error\nin der STRÄSSE\n\x1b[31mred \x1b[1malert\x1b[0m\n"
    found = hits(server, logged(server, log.encode()), query)
    assert [hit.line for hit in found.hits] == expected


def test_a_search_goes_on_where_it_had_enough(server: RunningServer) -> None:
    job_id, found, offset = logged(server, NUMBERED), [], 0
    while True:
        answer = hits(server, job_id, f"q=line%209999&max=4&offset={offset}")
        found += [hit.line for hit in answer.hits]
        if answer.next_offset is None:
            break
        offset = answer.next_offset
    assert found == [9_999, *range(99_990, 100_000)]


def test_a_search_reads_a_long_log_in_turns(server: RunningServer) -> None:
    job_id = logged(server, b"x" * 99 + b"\n")
    for turn in range(1, 40):
        write(server, job_id, (b"x" * 99 + b"\n") * 10_000, at=100 + (turn - 1) * 1_000_000)
    write(server, job_id, b"the needle\n", at=39_000_100)
    answers = [hits(server, job_id, "q=needle")]
    while (offset := answers[-1].next_offset) is not None:
        answers.append(hits(server, job_id, f"q=needle&offset={offset}"))
    assert [[hit.line for hit in answer.hits] for answer in answers] == [[], [], [390_002]]


def test_a_text_is_found_inside_a_line_without_an_end(server: RunningServer) -> None:
    job_id = logged(server, b"x" * ((1 << 20) - 3) + b"needle" + b"x" * (2 << 20))
    assert [hit.line for hit in hits(server, job_id, "q=needle").hits] == [1]
