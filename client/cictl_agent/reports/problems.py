"""What can be wrong with a report, and small helpers of its readers."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.wire.reports import TestCase, TestSuite


class ReportError(ValueError):
    """A report can't be read; the text says why, without the step's name."""


def suite_of(cases: Iterable[TestCase], *, form: str, name: str) -> TestSuite:
    """Return a suite with the counts of its cases; a case that is neither passed, failed nor skipped counts in total."""
    listed = list(cases)
    counts = {status: sum(case.status == status for case in listed) for status in ("pass", "fail", "skip")}
    return TestSuite(
        format=form,
        name=name,
        total=len(listed),
        passed=counts["pass"],
        failed=counts["fail"],
        skipped=counts["skip"],
        cases=listed,
    )
