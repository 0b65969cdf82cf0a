"""JUnit's XML: any bytes are read or refused with a reason, and what is read can be sent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from cictl_testing.fuzz.budget import fuzzed
from cictl_testing.fuzz.mutations import damaged
from cictl_testing.fuzz.sendable import is_sendable
from hypothesis import given
from hypothesis import strategies as st

from cictl.wire.results.reports import TestCase, TestSuite
from cictl_agent.job.reports.junit import read_junit
from cictl_agent.job.reports.problems import ReportError

WRITTEN = [path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("agent/job/written/*.xml"))]
ODD = [
    b'<testsuite tests="%s" failures="1"/>' % number
    for number in (b"1e300", b"9" * 30, b"9" * 5000, b"-1", b"1.5", b"1,234", b"\xd9\xa3", b"nan", b"0x10")
]
ODD += [
    b'<testsuite><testcase name="a" line="%s"/></testsuite>' % number
    for number in (b"1e300", b"9" * 30, b"-1", b"1e18")
]
ODD += [b'<!DOCTYPE a [<!ENTITY b "c">]><testsuite><testcase name="&b;"/></testsuite>', "<testsuite/>".encode("utf-16")]


def read(content: bytes) -> TestSuite | None:
    """Return what is read; None for a refusal, which must say why."""
    remarks: list[str] = []
    try:
        return read_junit(content, "", remarks)
    except ReportError as error:
        told = str(error)
    assert told
    assert len(told) < 1000
    return None


@fuzzed(examples=150)
@given(damaged(WRITTEN + ODD) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    suite = read(content)
    if suite is None:
        return
    counts = Counter(case.status for case in suite.cases)
    assert not suite.cases or (suite.passed, suite.failed, suite.skipped) == (
        counts["pass"],
        counts["fail"],
        counts["skip"],
    )
    assert min(suite.total, suite.passed, suite.failed, suite.skipped) >= 0
    assert is_sendable(suite)
    assert read(content) == suite


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=10
)
CASES = st.builds(
    TestCase,
    status=st.sampled_from(["pass", "fail", "skip"]),
    package=NAMES.map(lambda name: f"p.{name}"),
    name=NAMES,
    line=st.integers(0, 10**6),
    duration_seconds=st.integers(0, 10**6).map(lambda ms: ms / 1000),
)
KINDS = {"pass": "", "fail": "<failure/>", "skip": "<skipped/>"}


def written(cases: list[TestCase], level: int) -> bytes:
    """Return a report of *cases*, with as many suites around them as *level* says."""
    text = "".join(
        f"<testcase classname={quoteattr(c.package)} name={quoteattr(c.name)} line='{c.line}' time='{c.duration_seconds}'>"
        f"{KINDS[c.status]}<system-out>{escape(c.name)}</system-out></testcase>"
        for c in cases
    )
    for _ in range(level):
        text = f"<testsuite>{text}</testsuite>"
    return f"<testsuites>{text}</testsuites>".encode()


@fuzzed(examples=60)
@given(st.lists(CASES, min_size=1, max_size=4), st.integers(1, 4))
def test_what_was_written_is_what_is_read(cases: list[TestCase], level: int) -> None:
    suite = read(written(cases, level))
    assert suite is not None
    kept = [(c.status, c.package, c.name, c.line, c.duration_seconds) for c in suite.cases]
    assert kept == [(c.status, c.package, c.name, c.line, c.duration_seconds) for c in cases]
    assert all(case.name.strip() in case.output for case in suite.cases)


def test_what_runners_write_is_read() -> None:
    """Were all of them refused, the properties above would say nothing."""
    assert len([content for content in WRITTEN if read(content) is not None]) >= 7
