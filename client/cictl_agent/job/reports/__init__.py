"""Reading test and coverage reports; one module per format, and the choice among them here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cictl.wire.reports import Coverage, TestReport, TestSuite
from cictl_agent.job.reports.coverage import read_go_coverprofile, read_lcov
from cictl_agent.job.reports.gotest import read_go_test_json
from cictl_agent.job.reports.junit import read_junit
from cictl_agent.job.reports.problems import ReportError

__all__ = ["ReportError", "combine", "read_coverage", "read_tests"]

_MOST_BYTES = 64 << 20

_TEST_FORMATS: dict[str, Callable[[bytes, str], TestSuite]] = {
    "go-test-json": read_go_test_json,
    "junit-xml": read_junit,
    "junit": read_junit,
}
_COVERAGE_FORMATS: dict[str, Callable[[bytes], Coverage]] = {
    "go-coverprofile": read_go_coverprofile,
    "lcov": read_lcov,
}


def read_tests(directory: Path, path: str, *, form: str, suite: str) -> TestSuite:
    """Read a test report as one suite.

    Args:
        path: Relative to *directory*.
        form: `go-test-json` (also when empty), `junit-xml` or `junit`.
        suite: The suite's name.

    Raises:
        ReportError: An unknown format, an unreadable file, or a report that is broken.
    """
    reader = _TEST_FORMATS.get(form.strip().lower() or "go-test-json")
    if reader is None:
        raise ReportError(f'unsupported test format "{form}"')
    return reader(_content(directory, path), suite)


def read_coverage(directory: Path, path: str, *, form: str) -> Coverage:
    """Read a coverage report; without *form* `.info` and `.lcov` files are lcov, others Go's profile.

    Raises:
        ReportError: An unknown format, an unreadable file, or a report that is broken.
    """
    chosen = form.strip().lower() or ("lcov" if path.lower().endswith((".info", ".lcov")) else "go-coverprofile")
    reader = _COVERAGE_FORMATS.get(chosen)
    if reader is None:
        raise ReportError(f'unsupported coverage format "{form}"')
    return reader(_content(directory, path))


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


def _content(directory: Path, path: str) -> bytes:
    try:
        with (directory / path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ReportError(f'read report "{path}": {error.strerror or error}') from error
    if len(content) > _MOST_BYTES:
        raise ReportError(f'read report "{path}": more than {_MOST_BYTES} bytes')
    return content
