"""Coverage in four formats: any bytes are read or refused with a reason, and what is read can be merged and sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged
from cictl_testing.fuzz.sendable import is_sendable
from hypothesis import given
from hypothesis import strategies as st

from cictl_agent.job.reports.coverage import Hits
from cictl_agent.job.reports.line_coverage import read_go_coverprofile, read_lcov
from cictl_agent.job.reports.problems import ReportError
from cictl_agent.job.reports.xml_coverage import read_cobertura, read_jacoco

Reader = Callable[[bytes], Hits]
FOLDER = Path(__file__).parents[1] / "agent/job/written"
NUMBERS = [b"1", b"-1", b"0", b"9" * 30, b"9" * 5000, b"1e9", b"1_0", "٣".encode(), b""]

WRITTEN: dict[Reader, list[bytes]] = {
    read_lcov: [(FOLDER / name).read_bytes() for name in ("cov.info", "lcov.info")]
    + [b"SF:a\nDA:%s,1\nLF:%s\nLH:%s\nend_of_record\n" % (n, n, n) for n in NUMBERS],
    read_go_coverprofile: [(FOLDER / "go-coverpkg.out").read_bytes()]
    + [b"mode: set\na.go:%s.1,2.3 %s %s\n" % (n, n, n) for n in NUMBERS],
    read_cobertura: [(FOLDER / "cov.xml").read_bytes()]
    + [b'<coverage><class filename="a"><line number="%s" hits="%s"/></class></coverage>' % (n, n) for n in NUMBERS],
    read_jacoco: [
        b'<report><package name="p"><sourcefile name="a"><line nr="%s" ci="%s"/>'
        b'<counter type="LINE" missed="%s" covered="1"/></sourcefile></package></report>' % (n, n, n)
        for n in NUMBERS
    ],
}
REPORTS = st.sampled_from(list(WRITTEN)).flatmap(lambda reader: st.tuples(st.just(reader), damaged(WRITTEN[reader])))


def read(reader: Reader, content: bytes) -> Hits | None:
    """Return what is read; None for a refusal, which must say why."""
    try:
        return reader(content)
    except ReportError as error:
        told = str(error)
    assert told
    return None


@fuzzed(examples=200)
@given(REPORTS)
def test_any_bytes_are_read_or_refused(case: tuple[Reader, bytes]) -> None:
    hits = read(*case)
    if hits is None:
        return
    coverage = hits.coverage()
    assert is_sendable(coverage)
    assert 0 <= coverage.covered_lines <= coverage.total_lines
    assert 0 <= coverage.covered_statements <= coverage.total_statements
    assert 0 <= coverage.percent <= 100
    assert all(0 <= file.percent <= 100 for file in coverage.files)


@fuzzed(examples=100)
@given(REPORTS, REPORTS)
def test_merging_has_no_order_and_takes_a_report_twice_for_once(
    one: tuple[Reader, bytes], other: tuple[Reader, bytes]
) -> None:
    def merged(*cases: tuple[Reader, bytes]) -> object:
        whole = Hits()
        for case in cases:
            whole.merge(read(*case) or Hits())
        return (whole.coverage().files, sorted(whole.formats))

    assert merged(one, other) == merged(other, one) == merged(one, other, one, other)
