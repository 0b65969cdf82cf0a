from __future__ import annotations

from pathlib import Path

import pytest

from cictl_agent.job.reports import ReportError, read_coverage, read_tests
from cictl_agent.job.reports.coverage import read_go_coverprofile, read_lcov
from cictl_agent.job.reports.gotest import read_go_test_json
from cictl_agent.job.reports.junit import read_junit

JUNIT = """<?xml version="1.0" encoding="{encoding}"?>
<testsuites>
  <testsuite name="outer" package="pkg">
    <testcase name="passes" classname="C" file="./src\\a.py" line="7" time="1,000.5"/>
    <testsuite name="inner">
      <testcase name="fails"><failure type="E" message="grün">trace</failure><system-out>said</system-out></testcase>
      <testcase name="errs"><error>boom</error></testcase>
    </testsuite>
    <testcase name="skipped"><skipped message="not now"/></testcase>
  </testsuite>
</testsuites>"""


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252", "gb18030"])
def test_junit_in_every_encoding(encoding: str) -> None:
    suite = read_junit(JUNIT.format(encoding=encoding).encode(encoding), "")
    assert (suite.total, suite.passed, suite.failed, suite.skipped, suite.name) == (4, 1, 2, 1, "outer")
    assert suite.cases[1].output == "failure type=E message=grün\ntrace\nsystem-out:\nsaid"


def test_junit_case_fields() -> None:
    cases = read_junit(JUNIT.format(encoding="utf-8").encode(), "given").cases
    first = cases[0]
    assert (first.package, first.file, first.line, first.duration_seconds) == ("C", "src/a.py", 7, 1000.5)
    assert [case.package for case in cases[1:]] == ["inner", "inner", "pkg"]
    assert [case.status for case in cases] == ["pass", "fail", "fail", "skip"]


def test_junit_counts_without_cases() -> None:
    suite = read_junit(b'<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>', "s")
    assert (suite.total, suite.passed, suite.failed, suite.skipped) == (5, 2, 2, 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not xml", id="text"),
        pytest.param(b"<testsuite><testcase>", id="torn"),
        pytest.param(b"<html/>", id="other-root"),
        pytest.param(b'<testsuite tests="many"/>', id="count"),
        pytest.param(b'<testsuite tests="-1"/>', id="negative-count"),
        pytest.param(b'<testsuite><testcase time="soon"/></testsuite>', id="time"),
        pytest.param(b'<?xml version="1.0" encoding="nonesuch"?><testsuite/>', id="encoding"),
        pytest.param(b'<?xml version="1.0" encoding="utf-8"?><testsuite name="\xff"/>', id="not-as-declared"),
        pytest.param(b'<!DOCTYPE t [<!ENTITY a "b">]><testsuite name="&a;"/>', id="entity"),
    ],
)
def test_broken_junit_is_an_error(content: bytes) -> None:
    with pytest.raises(ReportError):
        read_junit(content, "s")


GO = b"""
{"Action":"run","Package":"p","Test":"TestA"}
# not an event
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:12: bad\\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"run","Package":"p","Test":"TestD"}
{"Action":"fail","Package":"p","Elapsed":1}
"""


def test_go_tests() -> None:
    suite = read_go_test_json(GO, "unit")
    assert (suite.total, suite.passed, suite.failed, suite.skipped, suite.name) == (4, 1, 1, 1, "unit")
    first = suite.cases[0]
    assert (first.status, first.file, first.line, first.duration_seconds) == ("fail", "a_test.go", 12, 0.5)
    assert suite.cases[3].status == "unknown"


def test_torn_go_event_is_an_error() -> None:
    with pytest.raises(ReportError, match="line 2 is not an event"):
        read_go_test_json(b'{"Action":"run"}\n{"Action":"pa', "s")


def test_go_profile() -> None:
    coverage = read_go_coverprofile(b"mode: set\nb.go:1.1,2.2 3 1\na.go:1.1,2.2 1 0\nb.go:3.1,4.2 1 0\n")
    assert [(f.path, f.covered_statements, f.total_statements, f.percent) for f in coverage.files] == [
        ("a.go", 0, 1, 0.0),
        ("b.go", 3, 4, 75.0),
    ]
    assert (coverage.covered_statements, coverage.total_statements, coverage.percent) == (3, 5, 60.0)


def test_lcov_prefers_declared_sums_and_adds_lines_up() -> None:
    text = b"""TN:x
SF:b.c
FN:1,f
DA:1,5
LF:10
LH:4
end_of_record
SF:a.c
DA:1,1
DA:2,0
end_of_record
SF:a.c
DA:3,2
end_of_record
"""
    coverage = read_lcov(text)
    assert [(f.path, f.covered_lines, f.total_lines) for f in coverage.files] == [("a.c", 2, 3), ("b.c", 4, 10)]
    assert round(coverage.percent, 2) == 46.15


@pytest.mark.parametrize("line", [b"DA:1", b"DA:x,1", b"LF:many", b"LH:-1", b"nonsense"])
def test_malformed_lcov_is_an_error(line: bytes) -> None:
    with pytest.raises(ReportError):
        read_lcov(b"SF:a.c\n" + line + b"\nend_of_record\n")


def test_lcov_line_of_no_file_is_an_error() -> None:
    with pytest.raises(ReportError, match="belongs to no file"):
        read_lcov(b"DA:1,1\n")


def test_malformed_go_profile_is_an_error() -> None:
    with pytest.raises(ReportError, match="line 2"):
        read_go_coverprofile(b"mode: set\na.go:1.1 1 1\n")


@pytest.mark.parametrize("name", ["c.info", "c.lcov"])
def test_lcov_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("SF:a\nDA:1,1\n")
    assert read_coverage(tmp_path, name, form="").format == "lcov"


def test_go_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"Action":"pass","Test":"T"}\n')
    (tmp_path / "c").write_text("mode: set\n")
    assert read_tests(tmp_path, "r", form="", suite="s").format == "go-test-json"
    assert read_coverage(tmp_path, "c", form="").format == "go-coverprofile"
