"""How tests went over time: told by each report that arrives, forgotten with the executions that it was of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import msgspec
from msgspec.structs import replace

from cictl.wire.results.reports import TestReport
from cictl.wire.results.tests import TestList, TestStory
from cictl.wire.short_ids import job_name
from cictl_server.errors import InvalidRequest
from cictl_server.services.core.limits.bounds import cut_text
from cictl_server.services.core.names import find_scope
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import TestFilter
from cictl_server.store.tried import TriedTest, Try, key_of

_MOST_TESTS = 5_000
"""How many tests of one execution are kept over time; the first ones of its report."""
_BATCH = 250
_LONGEST_NAME = 300
_RECENT = 8
_FLAKY_DAYS = timedelta(days=14)
_HEALING_PASSES = 5
_PAUSE_SECONDS = 0.01

Sees = Callable[[str], bool]
"""Tells whether the tests of a project, by its name, are shown."""


class TestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which tests to list; an empty field takes all.

    Attributes:
        project: Name or id.
        pipeline: Id of a pipeline in the file of that project.
        name: The whole name of a test.
        is_slowest_first: Else by project, pipeline and name.
        cursor: The `next_cursor` of an earlier list.
    """

    __test__ = False

    project: str = ""
    pipeline: str = ""
    name: str = ""
    is_flaky: bool = False
    is_slowest_first: bool = False
    cursor: str = ""


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    suite: str
    passed: bool
    seconds: float


class TestStories(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    __test__ = False

    def note(self, job: JobRecord, report: TestReport, *, now: datetime) -> None:
        """Add the results of a report. Those of an execution that are known already count no second time.

        It takes several short transactions, since a report can be long.
        """
        results = {_key(job, result): result for result in _results(report)}
        if not job.facts.project:
            return
        items = iter(results.items())
        while some := dict(islice(items, _BATCH)):
            self.store.write(partial(_add, job=job, results=some, now=now))

    def list_tests(self, query: TestQuery, *, limit: int, sees: Sees = lambda _: True) -> TestList:
        """Return tests, at most *limit*.

        Raises:
            InvalidRequest: A pipeline without its project, or a cursor that no list gave.
            Conflict: Several projects bear the name.
        """
        with self.store.read() as view:
            found = (test for test in _matching(view, query) if sees(test.project))
            tests = list(islice(found, limit))
            has_more = next(found, None) is not None and not query.is_slowest_first
        return TestList(tests=list(map(_story, tests)), next_cursor=tests[-1].key if has_more else "")

    def forget_old(self, stopping: threading.Event) -> None:
        """Remove the tests of which no execution is left that tried them last."""
        last: TriedTest | None = None
        while not stopping.wait(_PAUSE_SECONDS):
            with self.store.read() as view:
                tests = list(islice(view.tests.in_order(TestFilter(), after=last), _BATCH))
                old = [test.key for test in tests if view.jobs.find(test.recent[-1].job) is None]
            if old:
                self.store.write(partial(_delete, keys=old))
            if len(tests) < _BATCH:
                return
            last = tests[-1]


def _delete(tx: Transaction, *, keys: Iterable[str]) -> None:
    for key in keys:
        tx.tests.delete(key)


def _matching(view: View, query: TestQuery) -> Iterator[TriedTest]:
    project, project_id = find_scope(view, project=query.project, pipeline=query.pipeline)
    where = TestFilter(project=project, pipeline=query.pipeline, is_flaky=query.is_flaky)
    after = view.tests.find(query.cursor) if query.cursor else None
    if query.cursor and after is None:
        raise InvalidRequest("invalid cursor", hint="use the next_cursor of the list before")
    if query.name:
        named = view.tests.named(query.name)
        found: Iterator[TriedTest] = (test for test in named if after is None or test.order > after.order)
    elif query.is_slowest_first:
        found = view.tests.slowest_first(where)
    else:
        found = view.tests.in_order(where, after=after)
    return (test for test in found if _is_wanted(test, where, project_id))


def _is_wanted(test: TriedTest, where: TestFilter, project_id: str) -> bool:
    return (
        where.project in ("", test.project)
        and where.pipeline in ("", test.pipeline)
        and project_id in ("", test.project_id)
        and (test.flaky or not where.is_flaky)
    )


def _results(report: TestReport) -> Iterator[_Result]:
    """Yield the results of the first tests of a report; one that comes several times has failed if it did once."""
    found: dict[tuple[str, str], _Result] = {}
    for suite in report.suites:
        for case in suite.cases:
            name = cut_text(".".join(filter(None, (case.package, case.name))), _LONGEST_NAME)
            if case.status not in ("pass", "fail") or not name:
                continue
            result = _Result(
                name=name,
                suite=cut_text(suite.name, _LONGEST_NAME),
                passed=case.status == "pass",
                seconds=max(0.0, case.duration_seconds),
            )
            place = (result.suite, name)
            if place in found:
                first = found[place]
                passed, seconds = first.passed and result.passed, first.seconds + result.seconds
                found[place] = _Result(name=name, suite=result.suite, passed=passed, seconds=seconds)
            elif len(found) < _MOST_TESTS:
                found[place] = result
    yield from found.values()


def _key(job: JobRecord, result: _Result) -> str:
    facts = job.facts
    return key_of(facts.project_id or facts.project, facts.pipeline_id, job_name(facts), result.suite, result.name)


def _add(tx: Transaction, *, job: JobRecord, results: dict[str, _Result], now: datetime) -> None:
    known = tx.tests.find_all(list(results))
    for key, result in results.items():
        test = known.get(key) or _new(key, result, job, now)
        if any(one.job == job.number for one in test.recent):
            continue
        tx.tests.put(_after(test, result, job, now))


def _new(key: str, result: _Result, job: JobRecord, now: datetime) -> TriedTest:
    facts = job.facts
    return TriedTest(
        key=key,
        name=result.name,
        suite=result.suite,
        project=facts.project,
        project_id=facts.project_id,
        pipeline=facts.pipeline_id,
        job=job_name(facts),
        seen=now,
    )


def _after(test: TriedTest, result: _Result, job: JobRecord, now: datetime) -> TriedTest:
    """Return *test* with one more result."""
    run = int(job.facts.run_number or 0)
    commit = job.facts.pipeline_source_ref_resolved[:16] or f"run {run}"
    tried = Try(job=job.number, commit=commit, passed=result.passed, at=int(now.timestamp()))
    contradicts = _contradicts(tried, test.recent)
    in_row = 0 if not result.passed else 1 if contradicts else test.passes_in_row + 1
    return replace(
        test,
        seen=now,
        passes=test.passes + result.passed,
        failures=test.failures + (not result.passed),
        seconds=test.seconds + result.seconds,
        last_failed_run=test.last_failed_run if result.passed else run,
        first_failed_run=0 if result.passed else test.first_failed_run or run,
        flaky=contradicts or (test.flaky and in_row < _HEALING_PASSES),
        passes_in_row=in_row,
        recent=[*test.recent, tried][-_RECENT:],
    )


def _contradicts(tried: Try, recent: Sequence[Try]) -> bool:
    """Tell whether the same commit had the other result, not long ago."""
    since = tried.at - _FLAKY_DAYS.total_seconds()
    return any(one.commit == tried.commit and one.passed is not tried.passed and one.at >= since for one in recent)


def _story(test: TriedTest) -> TestStory:
    return TestStory(
        name=test.name,
        suite=test.suite,
        project=test.project,
        pipeline=test.pipeline,
        job=test.job,
        passes=test.passes,
        failures=test.failures,
        flaky=test.flaky,
        last_failed_run=test.last_failed_run,
        first_failed_run=test.first_failed_run,
        mean_seconds=round(test.mean_seconds, 6),
    )
