"""The error of a report that can't be read, and helpers that all readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from cictl.wire.results.reports import TestCase, TestSuite

MOST_COUNTED = 10**12
"""The largest number that a report may tell of one test, file or suite: sums of all must fit into the 64 bits of a message."""

_QUOTED = 80
_MOST_CASES = 200_000


class ReportError(ValueError):
    """A report can't be read; the text says why, without the step's name.

    Attributes:
        what: What is wrong.
        quoted: The whole text in the report that is wrong; only its beginning is shown.
    """

    def __init__(self, what: str, quoted: str = "") -> None:
        super().__init__(what, quoted)
        self.what = what
        self.quoted = quoted

    def __str__(self) -> str:
        return self.told(str)

    def told(self, redact: Callable[[str], str]) -> str:
        """Return the text with its secrets masked. They are masked before the cut: half a secret would not be recognised."""
        what, quoted = redact(self.what), redact(self.quoted)
        return f"{what}: {quoted[:_QUOTED]!r}" if quoted else what


def with_slashes(path: str) -> str:
    """Return *path*, which may come from Windows, with slashes instead of backslashes."""
    return path.replace("\\", "/")


def suite_of(cases: Iterable[TestCase], *, form: str, name: str) -> TestSuite:
    """Return a suite with its cases counted; a case with another status than pass, fail or skip counts in the total only.

    Raises:
        ReportError: They are too many.
    """
    listed = list(islice(cases, _MOST_CASES + 1))
    if len(listed) > _MOST_CASES:
        raise ReportError(f"it has more than {_MOST_CASES} tests")
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
