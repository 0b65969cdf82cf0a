from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cictl.wire.results.reports import Coverage, TestSuite
from cictl_agent.job.reports import Hits, ReportError, coverage, problems, xml
from cictl_agent.job.reports.gotest import read_go_test_json
from cictl_agent.job.reports.junit import read_junit
from cictl_agent.job.reports.line_coverage import read_go_coverprofile, read_lcov
from cictl_agent.job.reports.xml_coverage import read_cobertura, read_jacoco

WRITTEN = Path(__file__).parent / "written"
"""What real tools wrote of small suites."""


def written(name: str) -> bytes:
    return (WRITTEN / name).read_bytes()


def junit(content: bytes | str, suite: str = "", remarks: list[str] | None = None) -> TestSuite:
    return read_junit(
        content if isinstance(content, bytes) else content.encode(), suite, [] if remarks is None else remarks
    )


def counts(suite: TestSuite) -> tuple[int, int, int, int]:
    return suite.total, suite.passed, suite.failed, suite.skipped


def covered(coverage: Coverage) -> dict[str, tuple[int, int]]:
    """Return covered and total of each file, lines and statements alike."""
    return {
        f.path: (f.covered_lines + f.covered_statements, f.total_lines + f.total_statements) for f in coverage.files
    }


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
    suite = junit(JUNIT.format(encoding=encoding).encode(encoding), "")
    assert (suite.total, suite.passed, suite.failed, suite.skipped, suite.name) == (4, 1, 2, 1, "outer")
    assert suite.cases[1].output == "failure type=E message=grün\ntrace\nsystem-out:\nsaid"


def test_junit_case_fields() -> None:
    cases = junit(JUNIT.format(encoding="utf-8").encode(), "given").cases
    first = cases[0]
    assert (first.package, first.file, first.line, first.duration_seconds) == ("C", "src/a.py", 7, 1000.5)
    assert [case.package for case in cases[1:]] == ["inner", "inner", "pkg"]
    assert [case.status for case in cases] == ["pass", "fail", "fail", "skip"]


def test_junit_counts_without_cases() -> None:
    suite = junit(b'<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>', "s")
    assert (suite.total, suite.passed, suite.failed, suite.skipped) == (5, 2, 2, 1)


@pytest.mark.weakness("A12.10")
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
        junit(content, "s")


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
    assert (*counts(suite), suite.name) == (4, 1, 2, 1, "unit")
    first = suite.cases[0]
    assert (first.status, first.file, first.line, first.duration_seconds) == ("fail", "a_test.go", 12, 0.5)
    assert suite.cases[3].status == "fail"  # the package failed, and nobody says that this test ended


def test_a_long_word_in_an_output_takes_no_long_time() -> None:
    """By the square of its length it would take hours, in which the agent could do nothing else."""
    word = "a" * (1 << 22)
    event = b'{"Action":"fail","Package":"p","Test":"T","Output":"%s x_test.go:7: no"}' % word.encode()
    [case] = read_go_test_json(event, "").cases
    assert (case.file, case.line) == ("x_test.go", 7)


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA["])
def test_comments_and_sections_without_end_take_no_long_time(opening: str) -> None:
    with pytest.raises(ReportError, match="not XML"):
        junit("<testsuite>\x00" + opening * (1 << 20))


def test_torn_go_event_is_an_error() -> None:
    with pytest.raises(ReportError, match="line 2 is not an event"):
        read_go_test_json(b'{"Action":"run"}\n{"Action":"pa', "s")


GO_RUNS = [
    pytest.param("ok", (5, 2, 2, 1), id="tests of their own"),
    pytest.param("broken", (1, 0, 1, 0), id="does not build"),
    pytest.param("panics", (2, 1, 1, 0), id="panic in a goroutine"),
    pytest.param("mainfail", (1, 0, 1, 0), id="TestMain fails"),
    pytest.param("glued", (2, 1, 1, 0), id="prints what looks like JSON"),
    pytest.param("twice", (1, 0, 1, 0), id="fails, then passes, -count=2"),
]


@pytest.mark.parametrize(("run", "expected"), GO_RUNS)
def test_go_streams_as_go_writes_them(run: str, expected: tuple[int, int, int, int]) -> None:
    assert counts(read_go_test_json(written(f"go-{run}.json"), "s")) == expected


def test_a_build_that_failed_shows_the_compilers_words() -> None:
    case = read_go_test_json(written("go-broken.json"), "s").cases[0]
    assert (case.package, case.name, case.file, case.line) == (
        "example.test/shop/broken",
        "build failed",
        "broken/x_test.go",
        3,
    )
    assert "undefined: undefined" in case.output


def test_a_package_that_failed_alone_shows_its_output() -> None:
    case = read_go_test_json(written("go-mainfail.json"), "s").cases[0]
    assert (case.name, "setup failed: no database" in case.output) == ("package failed", True)


def test_a_go_event_behind_program_output_is_found() -> None:
    text = b'{"Action":"run","Package":"p","Test":"T"}\nx{"Action":"fail","Package":"p","Test":"T","Elapsed":0.1}\n'
    assert counts(read_go_test_json(text, "s")) == (1, 0, 1, 0)


def test_a_line_that_only_begins_like_json_is_ignored() -> None:
    text = b'{"Action":"pass","Package":"p","Test":"T"}\n{not json\n{"level":"info"}\n{"Acti\n'
    assert counts(read_go_test_json(text, "s")) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"Package":"p","Test":"T","Action":"fail"}', id="keys in another order"),
        pytest.param(b'{ "Action" : "fail", "Package" : "p", "Test" : "T" }', id="blanks"),
        pytest.param(b'x{"Package":"p","Action":"fail","Test":"T"}', id="behind output"),
        pytest.param(b'{x}{"Action":"fail","Package":"p","Test":"T"}', id="behind output in braces"),
    ],
)
def test_go_events_of_other_writers(line: bytes) -> None:
    assert counts(read_go_test_json(line, "s")) == (1, 0, 1, 0)


def test_a_go_package_that_was_cut_off_has_failed() -> None:
    text = b'{"Action":"start","Package":"p"}\n{"Action":"run","Package":"p","Test":"T"}\n'
    assert [(case.name, case.status) for case in read_go_test_json(text, "s").cases] == [("T", "fail")]


def test_a_go_test_without_an_end_has_passed_in_a_package_that_did() -> None:
    text = b'{"Action":"run","Package":"p","Test":"T"}\n{"Action":"pass","Package":"p"}\n'
    assert counts(read_go_test_json(text, "s")) == (1, 1, 0, 0)


def test_a_go_test_that_a_rerun_of_its_package_passes_has_passed() -> None:
    once = '{{"Action":"{0}","Package":"p","Test":"T"}}\n{{"Action":"{0}","Package":"p"}}\n'
    text = (once.format("fail") + once.format("pass")).encode()
    assert counts(read_go_test_json(text, "s")) == (1, 1, 0, 0)


WRITERS = [
    pytest.param("pytest.xml", (5, 1, 2, 2), id="pytest"),
    pytest.param("unittest.xml", (6, 1, 3, 2), id="unittest-xml-reporting"),
    pytest.param("jest.xml", (6, 2, 3, 1), id="jest-junit, raw escapes and a suite that does not load"),
    pytest.param("node.xml", (5, 2, 1, 2), id="node --test"),
    pytest.param("ctest.xml", (5, 1, 2, 2), id="ctest, a program that is missing"),
    pytest.param("googletest.xml", (4, 1, 1, 2), id="googletest, a disabled test"),
    pytest.param("catch2.xml", (4, 2, 2, 0), id="catch2, two failures of one case"),
    pytest.param("bats.xml", (3, 1, 1, 1), id="bats, an illegal reference"),
]


@pytest.mark.parametrize(("file", "expected"), WRITERS)
def test_junit_as_real_runners_write_it(file: str, expected: tuple[int, int, int, int]) -> None:
    remarks: list[str] = []
    assert counts(junit(written(file), remarks=remarks)) == expected
    assert remarks == []


def test_the_end_of_a_section_in_a_text_does_no_harm() -> None:
    suite = junit("<testsuite><testcase><failure>a ]]> b<![CDATA[c]]>d</failure><!-- ]]> --></testcase></testsuite>")
    assert suite.cases[0].output == "failure\na ]]> bcd"


MAY_FAIL = '<skipped message="TEST_CASE tagged with !mayfail"/>'


@pytest.mark.parametrize(("failure", "status"), [("", "pass"), ("<failure/>", "skip")])
def test_a_case_that_may_fail_never_has_failed(failure: str, status: str) -> None:
    assert junit(f"<testsuite><testcase>{MAY_FAIL}{failure}</testcase></testsuite>").cases[0].status == status


def test_a_failure_that_only_the_sum_of_node_shows_is_said() -> None:
    remarks: list[str] = []
    junit("<testsuites><testcase name='sub'/><!-- fail 1 --></testsuites>", remarks=remarks)
    assert remarks == ["the report declares failures: 1; its cases show 0"]


@pytest.mark.parametrize("character", ["\x1b", "\x00", "&#27;", "&#x1b;", "&#xD800;", "\ufffe", "&#1114112;"])
def test_characters_that_xml_forbids_do_no_harm(character: str) -> None:
    case = junit(
        f'<testsuite><testcase name="a{character}b"><failure>c{character}</failure></testcase></testsuite>'
    ).cases[0]
    assert (case.name, case.output, case.status) == ("a\ufffdb", "failure\nc\ufffd", "fail")


@pytest.mark.parametrize(
    "attribute", ['status="notrun"', 'status="disabled"', 'status="skipped"', 'result="suppressed"']
)
def test_a_case_that_was_not_run_is_skipped(attribute: str) -> None:
    assert counts(junit(f"<testsuite><testcase {attribute}/></testsuite>")) == (1, 0, 0, 1)


@pytest.mark.parametrize("problem", ["failure", "error"])
def test_a_problem_of_a_suite_is_a_failed_case(problem: str) -> None:
    suite = junit(f'<testsuite name="db"><{problem} message="no database"/><testcase name="a"/></testsuite>')
    assert counts(suite) == (2, 1, 1, 0)
    assert (suite.cases[0].name, suite.cases[0].output) == ("db", f"{problem} message=no database")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("", 0), ("NaN", 0), ("inf", 0), ("0,5", 0.5), ("1.234,5", 1234.5), ("1,234.5", 1234.5), ("1,234", 1234)],
)
def test_times_as_writers_write_them(time: str, seconds: float) -> None:
    assert junit(f'<testsuite><testcase time="{time}"/></testsuite>').cases[0].duration_seconds == seconds


def test_a_blank_line_before_the_declaration_is_fine() -> None:
    assert junit('\n <?xml version="1.0" encoding="utf-8"?><testsuite><testcase/></testsuite>').total == 1


def test_declared_failures_that_no_case_shows_are_said() -> None:
    remarks: list[str] = []
    junit('<testsuite failures="2"><testcase/><testcase><failure/></testcase></testsuite>', remarks=remarks)
    assert remarks == ["the report declares failures: 2; its cases show 1"]


def test_a_test_that_bears_its_name_twice_shows_it_once() -> None:
    case = junit('<testsuite name="calc"><testcase classname="calc adds" name="calc adds"/></testsuite>').cases[0]
    assert (case.package, case.name) == ("calc", "calc adds")


def test_a_message_that_the_text_repeats_stands_there_once() -> None:
    case = junit('<testsuite><testcase><failure message="bad">bad\nat x</failure></testcase></testsuite>').cases[0]
    assert case.output == "failure\nbad\nat x"


def test_go_profile() -> None:
    coverage = read_go_coverprofile(b"mode: set\nb.go:1.1,2.2 3 1\na.go:1.1,2.2 1 0\nb.go:3.1,4.2 1 0\n").coverage()
    assert [(f.path, f.covered_statements, f.total_statements, f.percent) for f in coverage.files] == [
        ("a.go", 0, 1, 0.0),
        ("b.go", 3, 4, 75.0),
    ]
    assert (coverage.covered_statements, coverage.total_statements, coverage.percent) == (3, 5, 60.0)


def test_a_block_that_several_packages_tell_of_counts_once() -> None:
    coverage = read_go_coverprofile(written("go-coverpkg.out")).coverage()
    assert covered(coverage) == {"example.test/shop/ok/ok.go": (2, 3)}


def test_lcov_counts_lines_and_takes_declared_sums_only_without_them() -> None:
    text = b"""# by hand
TN:x
SF:b.c
FN:1,f
DA:1,5,c29tZQ
LF:10
LH:4
end_of_record
SF:a.c
DA:1,1
DA:2,0
end_of_record
TN:y
SF:a.c
DA:2,3
DA:3,2
end_of_record
SF:src\\c.c
LF:4
LH:1
end_of_record
"""
    coverage = read_lcov(text).coverage()
    assert covered(coverage) == {"a.c": (3, 3), "b.c": (1, 1), "src/c.c": (1, 4)}
    assert coverage.percent == 62.5


@pytest.mark.parametrize(
    ("hits", "form"),
    [
        pytest.param(read_cobertura(written("cov.xml")), "cobertura", id="cobertura of coverage.py"),
        pytest.param(read_lcov(written("cov.info")), "lcov", id="lcov of coverage.py"),
    ],
)
def test_one_run_gives_the_same_in_each_format(hits: Hits, form: str) -> None:
    coverage = hits.coverage()
    assert (covered(coverage), coverage.format, coverage.percent) == ({"mod.py": (3, 4)}, form, 75.0)


def test_lcov_of_gcov() -> None:
    assert covered(read_lcov(written("lcov.info")).coverage()) == {"/home/ada/shop/c/l/m.c": (2, 3)}


JACOCO = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><group name="g"><package name="org/shop"><class name="org/shop/Cart"/>
<sourcefile name="Cart.java"><line nr="3" mi="0" ci="2" mb="0" cb="0"/><line nr="4" mi="1" ci="0" mb="0" cb="0"/>
<counter type="LINE" missed="1" covered="1"/></sourcefile>
<sourcefile name="Old.java"><counter type="LINE" missed="3" covered="1"/></sourcefile></package></group></report>"""


def test_jacoco() -> None:
    assert covered(read_jacoco(JACOCO).coverage()) == {"org/shop/Cart.java": (1, 2), "org/shop/Old.java": (1, 4)}


@pytest.mark.parametrize("reader", [read_cobertura, read_jacoco])
@pytest.mark.parametrize(
    "content", [b"", b"text", b"<html/>", b"<coverage><class><line number='x'/></class></coverage>"]
)
def test_broken_xml_coverage_is_an_error(reader: Callable[[bytes], Hits], content: bytes) -> None:
    with pytest.raises(ReportError):
        reader(content)


@pytest.mark.parametrize("reader", [junit, read_cobertura, read_jacoco])
def test_a_root_of_any_length_is_named_in_short(reader: Callable[[bytes], object]) -> None:
    with pytest.raises(ReportError, match="by its root: 'aaa") as caught:
        reader(b"<%s/>" % (b"a" * 5000))
    assert len(str(caught.value)) < 200


def test_no_more_lines_are_covered_than_there_are() -> None:
    assert covered(read_lcov(b"SF:a\nLF:2\nLH:3\n").coverage()) == {"a": (2, 2)}


HUGE = [b"9" * 30, b"9" * 5000]


@pytest.mark.parametrize("number", HUGE, ids=["no-64-bits", "no-int"])
@pytest.mark.parametrize(
    ("reader", "report"),
    [
        pytest.param(read_lcov, b"SF:a\nLF:%s\n", id="lcov"),
        pytest.param(read_go_coverprofile, b"a.go:1.1,2.2 %s 1\n", id="go"),
        pytest.param(
            read_jacoco,
            b'<report><package><sourcefile><counter type="LINE" missed="%s" covered="1"/></sourcefile></package></report>',
            id="jacoco",
        ),
        pytest.param(junit, b'<testsuite tests="%s"/>', id="junit-count"),
        pytest.param(junit, b'<testsuite><testcase line="%s"/></testsuite>', id="junit-line"),
    ],
)
def test_a_number_that_no_message_can_carry_is_an_error(
    reader: Callable[[bytes], object], report: bytes, number: bytes
) -> None:
    with pytest.raises(ReportError) as caught:
        reader(report % number)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("number", HUGE, ids=["no-64-bits", "no-int"])
def test_numbers_beside_the_point_do_no_harm(number: bytes) -> None:
    output = b'{"Action":"fail","Package":"p","Test":"T","Output":"a.go:%s: no"}' % number
    assert read_go_test_json(output, "").cases[0].line == 0
    assert junit(b"<testsuite><testcase name='a\x00&#%s;'/></testsuite>" % number).cases[0].name == "a\ufffd\ufffd"
    assert junit(b"<testsuite><testcase name='a'/></testsuite><!-- fail %s -->" % number).failed == 0


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


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        pytest.param(
            lambda content: read_junit(content, "s", []),
            b"<testsuites>" + b"<testsuite>" * 200_000 + b"</testsuite>" * 200_000 + b"</testsuites>",
            "100 elements are inside each other",
            id="deep-xml",
        ),
        pytest.param(
            lambda content: read_junit(content, "s", []),
            b"<testsuite>" + b"<a/>" * 200 + b"</testsuite>",
            "150 elements",
            id="xml",
        ),
        pytest.param(
            lambda content: read_junit(content, "s", []),
            b"<testsuite><testcase/><testcase/><testcase/></testsuite>",
            "2 tests",
            id="tests",
        ),
        pytest.param(
            lambda content: read_go_test_json(content, "s"),
            b'{"Action":"pass","Test":"a","X":' + b"[" * 200_000,
            "line 1 has too many levels",
            id="deep-json",
        ),
        pytest.param(read_lcov, b"SF:a\nSF:b\nSF:c\nSF:d\n", "3 files", id="files"),
        pytest.param(read_lcov, b"SF:a\nDA:1,1\nDA:1,2\nDA:2,1\nSF:b\nDA:1,1\nDA:2,1\nDA:3,1\n", "4 lines", id="lines"),
    ],
)
def test_a_report_without_measure_is_an_error(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[bytes], object], content: bytes, reason: str
) -> None:
    for module, name, limit in (
        (xml, "_MOST_ELEMENTS", 150),
        (problems, "_MOST_CASES", 2),
        (coverage, "_MOST_FILES", 3),
        (coverage, "_MOST_PLACES", 4),
    ):
        monkeypatch.setattr(module, name, limit)
    with pytest.raises(ReportError, match=reason):
        read(content)


def test_a_large_report_of_coverage_needs_no_large_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "_MOST_ELEMENTS", 50)
    classes = "".join(f'<class filename="{i}"><line number="1" hits="{i}"/></class>' for i in range(30))
    found = read_cobertura(f"<coverage>{classes}</coverage>".encode()).coverage()
    assert (found.covered_lines, found.total_lines) == (29, 30)
