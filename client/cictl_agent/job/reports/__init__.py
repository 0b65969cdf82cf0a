"""Reading test and coverage reports. Each format has a module of its own; the choice among them is here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from cictl.wire.jobs import Step
from cictl.wire.results.reports import Coverage, TestReport, TestSuite
from cictl_agent.job.reports.coverage import FileHits, Hits
from cictl_agent.job.reports.files import ReportFiles
from cictl_agent.job.reports.gotest import read_go_test_json
from cictl_agent.job.reports.junit import read_junit
from cictl_agent.job.reports.line_coverage import read_go_coverprofile, read_lcov
from cictl_agent.job.reports.problems import ReportError, with_slashes
from cictl_agent.job.reports.xml import parse_xml, tag_of
from cictl_agent.job.reports.xml_coverage import read_cobertura, read_jacoco

__all__ = ["Hits", "ReportError", "StepReports", "combine"]

TestReader = Callable[[bytes, str, list[str]], TestSuite]

_TEST_FORMATS: dict[str, TestReader] = {
    "go-test-json": lambda content, name, _remarks: read_go_test_json(content, name),
    "junit-xml": read_junit,
    "junit": read_junit,
}
_COVERAGE_FORMATS: dict[str, Callable[[bytes], Hits]] = {
    "go-coverprofile": read_go_coverprofile,
    "lcov": read_lcov,
    "cobertura": read_cobertura,
    "jacoco": read_jacoco,
}


class StepReports:
    """The reports of one test step. Made before the step runs, so that reports of an earlier step are not taken for its own."""

    def __init__(
        self, directory: Path, step: Step, *, working_directory: str = "", check: Callable[[], None] = lambda: None
    ) -> None:
        """Note what is there before the step.

        Args:
            working_directory: The directory below *directory* in which the step runs.
            check: Called before each file is read; it raises to break the reading off.
        """
        self._check = check
        self._directory = directory
        self._step = step
        self._tests = ReportFiles(directory, step.test_report, working_directory=working_directory)
        self._coverage = ReportFiles(directory, step.coverage_report, working_directory=working_directory)
        self.remarks: list[str] = []
        """What is odd about the reports; one line for each remark."""

    def read_tests(self) -> TestSuite | None:
        """Read the test reports of the step as one suite; None when the step names none.

        The format is `go-test-json` when the step names none.

        Raises:
            ReportError: The format is unknown, a file is missing or can't be read, or a report is broken.
        """
        if not self._tests.paths:
            return None
        reader = _TEST_FORMATS.get(self._step.test_format.strip().lower() or "go-test-json")
        if reader is None:
            raise ReportError(f'unsupported test format "{self._step.test_format}"')
        name = self._step.test_name or self._step.name
        read = [reader(content, name, self.remarks) for _, content in self._files(self._tests)]
        suite = _as_one(read, name, self._directory)
        if not suite.total:
            self.remarks.append("the report names no test")
        return suite

    def read_coverage(self) -> Hits | None:
        """Read the coverage reports of the step as one; None when the step names none.

        When the step names no format, `.info` and `.lcov` files are lcov, XML is Cobertura's or JaCoCo's by its root, and
        any other file is a Go profile.

        Raises:
            ReportError: As for tests.
        """
        if not self._coverage.paths:
            return None
        whole = Hits()
        for path, content in self._files(self._coverage):
            form = self._step.coverage_format.strip().lower() or _coverage_format(path, content)
            reader = _COVERAGE_FORMATS.get(form)
            if reader is None:
                raise ReportError(f'unsupported coverage format "{self._step.coverage_format}"')
            hits = reader(content)
            whole.merge(
                Hits(
                    formats=hits.formats,
                    lines=_below(hits.lines, self._directory),
                    statements=_below(hits.statements, self._directory),
                )
            )
        return whole

    def _files(self, files: ReportFiles) -> Iterator[tuple[str, bytes]]:
        for path, content in files.read():
            self._check()
            yield path, content


def combine(suites: list[TestSuite], coverage: Coverage | None) -> TestReport:
    """Return one report with the sums of all suites."""
    return TestReport(
        total=sum(suite.total for suite in suites),
        passed=sum(suite.passed for suite in suites),
        failed=sum(suite.failed for suite in suites),
        skipped=sum(suite.skipped for suite in suites),
        suites=suites,
        coverage=coverage,
    )


def _as_one(suites: list[TestSuite], name: str, directory: Path) -> TestSuite:
    """Return the suites of several files as one, with the files of cases below *directory*."""
    first = suites[0]
    cases = [
        msgspec.structs.replace(case, file=_path_below(case.file, directory))
        for suite in suites
        for case in suite.cases
    ]
    return TestSuite(
        format=first.format,
        name=name or first.name,
        total=sum(suite.total for suite in suites),
        passed=sum(suite.passed for suite in suites),
        failed=sum(suite.failed for suite in suites),
        skipped=sum(suite.skipped for suite in suites),
        cases=cases,
    )


def _below(files: dict[str, FileHits], directory: Path) -> dict[str, FileHits]:
    return {_path_below(path, directory): hits for path, hits in files.items()}


def _path_below(path: str, directory: Path) -> str:
    """Return an absolute path inside *directory* as relative to it, and any other path as it is."""
    if not path or not Path(path).is_absolute():
        return path
    for root in (directory, directory.resolve()):
        if Path(path).is_relative_to(root):
            return with_slashes(os.path.relpath(path, root))
    return path


def _coverage_format(path: str, content: bytes) -> str:
    if path.lower().endswith((".info", ".lcov")):
        return "lcov"
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "go-coverprofile"
    return "jacoco" if tag_of(parse_xml(content, "coverage report")) == "report" else "cobertura"
