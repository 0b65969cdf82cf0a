"""Tests of one job for its page: failures first, with how they went before."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cictl.wire.results.reports import CoverageFile, TestCase, TestReport
from cictl.wire.results.tests import TestStory

MOST_FAILURES = 50
MOST_OTHERS = 300
_STORIES = 20
_FILES = 20
_OUTPUT = 8_000

FindStory = Callable[[str], TestStory | None]
"""Returns how the test of a name went so far."""


class FailedTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test that failed; `output` is the end of what it said."""

    name: str
    case: TestCase
    suite: str
    output: str
    story: TestStory | None


class ShownTests(msgspec.Struct, frozen=True, kw_only=True):
    """What a page shows of a report.

    Attributes:
        failures: The first ones.
        others: The slowest of the others, with their names.
        worst: The files with the lowest coverage.
    """

    report: TestReport
    failures: list[FailedTest]
    others: list[tuple[str, TestCase]]
    worst: list[CoverageFile]


def shown_tests(report: TestReport, find_story: FindStory) -> ShownTests:
    cases = [(suite.name, _name(case), case) for suite in report.suites for case in suite.cases]
    failed = [one for one in cases if one[2].status == "fail"][:MOST_FAILURES]
    others = [(name, case) for _, name, case in cases if case.status != "fail"]
    others.sort(key=lambda one: -one[1].duration_seconds)
    failures = [
        FailedTest(
            name=name,
            case=case,
            suite=suite,
            output=case.output[-_OUTPUT:],
            story=find_story(name) if position < _STORIES else None,
        )
        for position, (suite, name, case) in enumerate(failed)
    ]
    files = report.coverage.files if report.coverage else []
    return ShownTests(
        report=report,
        failures=failures,
        others=others[:MOST_OTHERS],
        worst=sorted(files, key=lambda file: file.percent)[:_FILES],
    )


def _name(case: TestCase) -> str:
    return ".".join(filter(None, (case.package, case.name)))
