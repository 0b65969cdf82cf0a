"""What the tables of tests over time show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from cictl.base.text.durations import duration
from cictl.cli.output.table import Column, Result
from cictl.wire.results.tests import TestList, TestStory

_COLUMNS: tuple[Column[TestStory], ...] = (
    Column("TEST", lambda t: t.name, shrinks=True),
    Column("PIPELINE", lambda t: f"{t.project}/{t.pipeline}", shrinks=True),
    Column("JOB", lambda t: t.job, shrinks=True),
    Column("PASSES", lambda t: t.passes),
    Column("FAILURES", lambda t: t.failures),
    Column("FLAKY", lambda t: "yes" if t.flaky else ""),
    Column("MEAN", lambda t: duration(timedelta(seconds=t.mean_seconds))),
    Column("SUITE", lambda t: t.suite, wide=True, shrinks=True),
    Column("LAST FAILED RUN", lambda t: t.last_failed_run or "", wide=True),
    Column("FAILS SINCE RUN", lambda t: t.first_failed_run or "", wide=True),
)

_DETAILS: tuple[Column[TestStory], ...] = (
    Column("Test", lambda t: t.name),
    Column("Suite", lambda t: t.suite),
    Column("Pipeline", lambda t: f"{t.project}/{t.pipeline}"),
    Column("Job", lambda t: t.job),
    Column("Passes", lambda t: t.passes),
    Column("Failures", lambda t: t.failures),
    Column("Flaky", lambda t: "yes, it passed and failed on one commit" if t.flaky else "no"),
    Column("Last failed", lambda t: f"run {t.last_failed_run}" if t.last_failed_run else "never"),
    Column("Fails since", lambda t: f"run {t.first_failed_run}" if t.first_failed_run else ""),
    Column("Takes", lambda t: f"{duration(timedelta(seconds=t.mean_seconds))} on average"),
)


def tests_over_time(found: TestList, *, empty: str) -> Result[TestStory]:
    """Return the list of tests; *empty* is said where there are none."""
    return Result(message=found, rows=found.tests, columns=_COLUMNS, name=lambda t: t.name, empty=empty)


def test_details(tests: Sequence[TestStory]) -> Result[TestStory]:
    """Return each of *tests* in detail."""
    return Result(
        message=TestList(tests=list(tests)), rows=tests, columns=_DETAILS, name=lambda t: t.name, detailed=True
    )
