"""What one needs to know of a run that failed, in few bytes: the ends of logs, the failed tests, what ran since the last success."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, takewhile

import msgspec
from msgspec.structs import asdict

from cictl.base.text.plain import LogCleaner, plain
from cictl.wire.jobs import LoggedStep
from cictl.wire.results.reports import TestCase
from cictl.wire.runs import FailedJob, FailedTest, RunStatus, RunSummary
from cictl_server.services.artifacts.reports import ReportFiles
from cictl_server.services.history.lookup import short_id
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.history.run_book import get_run
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.reader import JobLog
from cictl_server.services.projects.histories import CommitHistories, NewCommits
from cictl_server.services.runs.fitting import Parts, fitted
from cictl_server.services.runs.views import run_view
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunPart, RunRecord
from cictl_server.store.tables import RunFilter

_MOST_LOGS = 20
"""Of how many failed jobs the log is looked at, and how many bytes of each."""
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 40

_MOST_REPORTS = 10
"""How many reports are read, each if it has no more than this many bytes."""
_LARGEST_REPORT = 4 << 20
_MOST_TESTS = 100
_MOST_RUNS = 50
_SUCCEEDED = frozenset({RunStatus.SUCCEEDED})


class SummaryService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    logs: LogBook
    reports: ReportFiles
    histories: CommitHistories

    def summarize(self, text: str, *, max_bytes: int) -> RunSummary:
        """Return the summary of a run in at most *max_bytes* of JSON, indented or not.

        What it costs is bounded, whatever the run has: only the ends of some logs and a few reports are read. The remote is
        asked for some commits, once for each pair of commits that stood and failed.

        Raises:
            NotFound: No such run.
        """
        with self.store.read() as view:
            run = get_run(view, text)
            jobs = deciding(view.jobs.of_run_number(str(run.number)))
            good = _last_success(view, run)
            runs, has_more = _runs_after(view, run, good)
        failed = [job for job in jobs if RunPart.of(job) is RunPart.FAILED]
        tests, has_more_tests = self._failed_tests(jobs)
        if commits := self._commits_after(run, good, jobs):
            runs, has_more = list(commits.lines), commits.has_more
        parts = Parts(
            failed_jobs=[self._failed_job(job, reads_log=place < _MOST_LOGS) for place, job in enumerate(failed)],
            failed_tests=tests,
            since_last_success=runs,
            truncated=has_more or has_more_tests or len(failed) > _MOST_LOGS,
        )
        bare = RunSummary(
            **asdict(run_view(run)), failed_jobs=[], failed_tests=[], since_last_success=[], truncated=False
        )
        return fitted(bare, parts, max_bytes=max_bytes)

    def _commits_after(self, run: RunRecord, good: RunRecord | None, jobs: Sequence[JobRecord]) -> NewCommits | None:
        """Return the commits since the last success; None where they are not known."""
        repo = next((job.facts.pipeline_source_repo for job in jobs if _builds(job, run.sha)), "")
        commits = self.histories.between(repo, good.sha if good else "", run.sha)
        return commits if commits.lines else None

    def _failed_job(self, job: JobRecord, *, reads_log: bool) -> FailedJob:
        step = self._last_step(job) if reads_log else None
        return FailedJob(
            job=short_id(job),
            step=_title(job, step),
            error=plain(job.error),
            tail=self._tail(job, begin=step.log_offset if step else 0) if reads_log else "",
        )

    def _last_step(self, job: JobRecord) -> LoggedStep | None:
        steps = self.logs.index.steps(job.log_name)
        return steps[-1] if steps else None

    def _tail(self, job: JobRecord, *, begin: int) -> str:
        """Return the last lines of the log from *begin* on, without what would steer a terminal."""
        log = JobLog(self.logs, job)
        start = max(begin, log.size - _TAIL_BYTES)
        data = log.read(offset=start, limit=_TAIL_BYTES).data
        if start > begin:
            data = data[data.find(b"\n") + 1 :]
        cleaner = LogCleaner()
        lines = (cleaner.feed(data) + cleaner.close()).decode(errors="replace").splitlines()
        return "\n".join(map(plain, lines[-_TAIL_LINES:]))

    def _failed_tests(self, jobs: Sequence[JobRecord]) -> tuple[list[FailedTest], bool]:
        """Return failed tests, and whether there are more."""
        reporting = [job for job in jobs if job.test_summary and job.test_summary.failed]
        readable = [job for job in reporting if job.report_bytes <= _LARGEST_REPORT][:_MOST_REPORTS]
        found = [test for job in readable for test in self._tests_of(job)]
        return found[:_MOST_TESTS], len(readable) < len(reporting) or len(found) > _MOST_TESTS

    def _tests_of(self, job: JobRecord) -> list[FailedTest]:
        report = self.reports.read(job)
        cases = [case for suite in report.suites for case in suite.cases] if report else []
        return [_failed_test(case) for case in cases if case.status == "fail"]


def _failed_test(case: TestCase) -> FailedTest:
    lines = [plain(line) for line in case.output.strip().splitlines()]
    return FailedTest(name=".".join(filter(None, (case.package, case.name))), text="\n".join(lines))


def _title(job: JobRecord, begun: LoggedStep | None) -> str:
    """Return what people call the step; empty where none had begun."""
    if begun is None:
        return ""
    planned = next((step for step in job.step_plan if step.index == begun.index), None)
    return plain(planned.title if planned else begun.name)


def _builds(job: JobRecord, commit: str) -> bool:
    return bool(commit) and job.facts.pipeline_source_ref_resolved == commit


def _last_success(view: View, run: RunRecord) -> RunRecord | None:
    """Return the last run of the same pipeline and branch that succeeded, which may be *run* itself."""
    if not run.pipeline:
        return None
    good = view.runs.newest_first(
        RunFilter(project=run.project, pipeline=run.pipeline, branch=run.branch, statuses=_SUCCEEDED),
        before=run.number + 1,
    )
    return next(good, None)


def _runs_after(view: View, run: RunRecord, good: RunRecord | None) -> tuple[list[str], bool]:
    """Return a line for each run of the same pipeline and branch after *good*, or for all, and whether there are more."""
    if not run.pipeline:
        return [], False
    newest = view.runs.newest_first(
        RunFilter(project=run.project, pipeline=run.pipeline, branch=run.branch), before=run.number + 1
    )
    after = takewhile(lambda one: good is None or one.number > good.number, newest)
    lines = [" ".join(filter(None, (str(one.number), one.sha[:10], one.message))) for one in islice(after, _MOST_RUNS)]
    return lines, next(after, None) is not None
