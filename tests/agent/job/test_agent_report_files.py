from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cictl.wire.jobs import Step
from cictl_agent.job.reports import Hits, ReportError, StepReports
from cictl_agent.job.reports import files as report_files
from cictl_agent.job.reports.line_coverage import read_go_coverprofile
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason


def reports_of(directory: Path, files: dict[str, str], **step: Any) -> StepReports:
    """Return the reports of a step that wrote *files*."""
    reports = StepReports(directory, Step(kind="test", name="unit", **step))
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return reports


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("c.info", "SF:a\nDA:1,1\n", "lcov"),
        ("c.lcov", "SF:a\nDA:1,1\n", "lcov"),
        ("c", "mode: set\n", "go-coverprofile"),
        ("c.xml", "<coverage/>", "cobertura"),
        ("j.xml", "<report/>", "jacoco"),
    ],
)
def test_the_format_of_coverage_is_found(tmp_path: Path, name: str, text: str, form: str) -> None:
    hits = reports_of(tmp_path, {name: text}, coverage_report=name).read_coverage()
    assert hits is not None
    assert hits.coverage().format == form


def test_go_is_the_default_of_tests(tmp_path: Path) -> None:
    suite = reports_of(tmp_path, {"r": '{"Action":"pass","Test":"T"}\n'}, test_report="r").read_tests()
    assert suite is not None
    assert suite.format == "go-test-json"


@pytest.mark.parametrize("report", ["r.xml", "r.*", "kettle/r.xml"])
@pytest.mark.parametrize("directory", ["kettle", "./kettle/"])
def test_a_report_lies_in_the_directory_of_its_step_too(tmp_path: Path, report: str, directory: str) -> None:
    step = Step(kind="test", test_format="junit-xml", test_report=report)
    reports = StepReports(tmp_path, step, working_directory=directory)
    (tmp_path / "kettle").mkdir()
    (tmp_path / "kettle" / "r.xml").write_text('<testsuite><testcase name="t"/></testsuite>')
    suite = reports.read_tests()
    assert suite is not None
    assert suite.passed == 1


@pytest.mark.parametrize(
    "report", ["out/TEST-*.xml", "out", "out/", "out/TEST-a.xml\nout/TEST-b.xml", "out/TEST-{a,b}.xml", "**/TEST-?.xml"]
)
def test_a_report_of_many_files(tmp_path: Path, report: str) -> None:
    files = {f"out/TEST-{n}.xml": "<testsuite name='x'><testcase/></testsuite>" for n in "ab"}
    reports = reports_of(tmp_path, files, test_report=report, test_format="junit")
    suite = reports.read_tests()
    assert suite is not None
    assert (suite.total, suite.name, reports.remarks) == (2, "unit", [])


def test_what_an_earlier_step_left_is_not_this_steps_report(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text("<testsuite><testcase/></testsuite>")
    with pytest.raises(ReportError, match="the step did not write it"):
        reports_of(tmp_path, {}, test_report="r.xml", test_format="junit").read_tests()


def test_of_many_files_only_this_steps_count(tmp_path: Path) -> None:
    (tmp_path / "TEST-old.xml").write_text("<testsuite><testcase><failure/></testcase></testsuite>")
    new = {"TEST-new.xml": "<testsuite><testcase/></testsuite>"}
    suite = reports_of(tmp_path, new, test_report="TEST-*.xml", test_format="junit").read_tests()
    assert suite is not None
    assert (suite.total, suite.passed, suite.failed, suite.skipped) == (1, 1, 0, 0)


def test_a_report_that_is_written_anew_with_the_same_text_counts(tmp_path: Path) -> None:
    text = "<testsuite><testcase/></testsuite>"
    (tmp_path / "r.xml").write_text(text)
    assert reports_of(tmp_path, {"r.xml": text}, test_report="r.xml", test_format="junit").read_tests() is not None


def test_a_link_to_what_the_step_wrote_counts(tmp_path: Path) -> None:
    (tmp_path / "old.xml").touch()
    (tmp_path / "latest.xml").symlink_to("old.xml")
    new = {"old.xml": "<testsuite><testcase/></testsuite>"}
    assert reports_of(tmp_path, new, test_report="latest.xml", test_format="junit").read_tests() is not None


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        ("gone.xml", "No such file"),
        ("x" * 300, "No such file"),
        ("*.xml", "no file matches"),
        ("a[.xml", r"a \[ is not closed"),
    ],
)
def test_a_report_that_is_not_there(tmp_path: Path, report: str, problem: str) -> None:
    with pytest.raises(ReportError, match=problem):
        reports_of(tmp_path, {}, test_report=report, test_format="junit").read_tests()


def test_a_pipe_as_a_report_hangs_nobody(tmp_path: Path) -> None:
    reports = reports_of(tmp_path, {}, test_report="r.xml", test_format="junit")
    os.mkfifo(tmp_path / "r.xml")
    with pytest.raises(ReportError, match="not a regular file"):
        reports.read_tests()


@pytest.mark.parametrize(("name", "limit"), [("_MOST_FILES", 1), ("_MOST_BYTES_OF_ALL", 20)])
def test_too_many_reports_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int) -> None:
    monkeypatch.setattr(report_files, name, limit)
    reports = reports_of(tmp_path, {}, test_report="*.xml", test_format="junit")
    for file in ("a.xml", "b.xml"):
        (tmp_path / file).write_text("<testsuite/>")
    with pytest.raises(ReportError, match=f"more than {limit} "):
        reports.read_tests()


def test_reading_reports_can_be_broken_off(tmp_path: Path) -> None:
    interruption = Interruption()
    step = Step(index=1, kind="test", test_report="r.xml", test_format="junit")
    reports = StepReports(tmp_path, step, check=interruption.check)
    (tmp_path / "r.xml").write_text("<testsuite/>")
    interruption.give(StopReason.TIMED_OUT)
    with pytest.raises(Interrupted):
        reports.read_tests()


def test_a_link_out_of_the_checkout_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("<testsuite/>")
    (tmp_path / "checkout").mkdir()
    reports = reports_of(tmp_path / "checkout", {}, test_report="r.xml", test_format="junit")
    (tmp_path / "checkout" / "r.xml").symlink_to(tmp_path / "secret")
    with pytest.raises(ReportError, match="leads out of the checkout"):
        reports.read_tests()


def test_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    reports = reports_of(tmp_path, {}, test_report="r.xml", test_format="junit")
    (tmp_path / "r.xml").symlink_to("r.xml")
    with pytest.raises(ReportError, match=r'read report "r\.xml"'):
        reports.read_tests()


def test_a_report_that_names_no_test_is_said(tmp_path: Path) -> None:
    reports = reports_of(tmp_path, {"r.xml": "<testsuite/>"}, test_report="r.xml", test_format="junit")
    reports.read_tests()
    assert reports.remarks == ["the report names no test"]


def test_files_are_named_below_the_checkout(tmp_path: Path) -> None:
    here = tmp_path.as_posix()
    files = {
        "r.xml": f"<testsuite><testcase file='{here}/src/a.py'/><testcase file='/usr/x.py'/></testsuite>",
        "c.info": f"SF:{here}/src/a.py\nDA:1,1\nend_of_record\n",
    }
    reports = reports_of(tmp_path, files, test_report="r.xml", test_format="junit", coverage_report="c.info")
    suite, hits = reports.read_tests(), reports.read_coverage()
    assert suite is not None
    assert hits is not None
    assert [case.file for case in suite.cases] == ["src/a.py", "/usr/x.py"]
    assert list(hits.lines) == ["src/a.py"]


def test_coverage_of_several_steps_is_merged_by_line(tmp_path: Path) -> None:
    whole = Hits()
    for name, lines in (("a.info", "DA:1,1\nDA:2,0"), ("b.info", "DA:1,0\nDA:2,4")):
        hits = reports_of(tmp_path, {name: f"SF:x.c\n{lines}\n"}, coverage_report=name).read_coverage()
        assert hits is not None
        whole.merge(hits)
    whole.merge(read_go_coverprofile(b"mode: set\nx.go:1.1,2.2 2 0\n"))
    coverage = whole.coverage()
    assert coverage.format == "lcov+go-coverprofile"
    assert [(f.path, f.covered_lines, f.total_lines) for f in coverage.files if f.total_lines] == [("x.c", 2, 2)]
    assert [(f.path, f.covered_statements, f.total_statements) for f in coverage.files if f.total_statements] == [
        ("x.go", 0, 2)
    ]
