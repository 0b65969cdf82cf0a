"""Test and coverage reports on the wire.

A field with a default factory is always sent, even when it is zero or empty. An agent may leave it out.
"""

from __future__ import annotations

import msgspec

from cictl.wire.codec import Item, Message

REPORT_WORDS = {
    "status": frozenset({"pass", "fail", "skip", "unknown"}),
    "format": frozenset({"go-test-json", "junit-xml", "junit", "go-coverprofile", "lcov", "cobertura", "jacoco"}),
}
"""The words of the protocol in a report's fields, at any depth. A secret of the same letters does not mask them."""


class TestCase(Item):
    """One test. `status` is pass, fail, skip or unknown; the duration is in seconds."""

    __test__ = False

    status: str = msgspec.field(default_factory=str)
    package: str = ""
    name: str = ""
    file: str = ""
    line: int = 0
    duration_seconds: float = 0.0
    output: str = ""


class TestSuite(Item):
    __test__ = False

    format: str = msgspec.field(default_factory=str)
    total: int = msgspec.field(default_factory=int)
    passed: int = msgspec.field(default_factory=int)
    failed: int = msgspec.field(default_factory=int)
    skipped: int = msgspec.field(default_factory=int)
    name: str = ""
    cases: list[TestCase] = msgspec.field(default_factory=list)


class CoverageFile(Item):
    """Coverage of one file. lcov counts lines, Go counts statements. `percent` is from 0 to 100."""

    path: str = ""
    total_lines: int = 0
    covered_lines: int = 0
    total_statements: int = 0
    covered_statements: int = 0
    percent: float = 0.0


class Coverage(Message):
    format: str = msgspec.field(default_factory=str)
    total_lines: int = 0
    covered_lines: int = 0
    total_statements: int = 0
    covered_statements: int = 0
    percent: float = 0.0
    files: list[CoverageFile] = msgspec.field(default_factory=list)


class TestReport(Message):
    """The tests of one execution, all suites together."""

    __test__ = False

    total: int = msgspec.field(default_factory=int)
    passed: int = msgspec.field(default_factory=int)
    failed: int = msgspec.field(default_factory=int)
    skipped: int = msgspec.field(default_factory=int)
    suites: list[TestSuite] = msgspec.field(default_factory=list)
    coverage: Coverage | None = None


class TestReportUpload(Message):
    __test__ = False

    agent_id: str = ""
    report: TestReport = msgspec.field(default_factory=TestReport)


class TestReportResponse(Message):
    __test__ = False

    report: TestReport
