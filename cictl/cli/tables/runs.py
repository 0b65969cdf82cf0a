"""What the tables of runs show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from cictl.base.job_parts import Decision
from cictl.base.names.git_names import short_ref
from cictl.base.text.durations import duration
from cictl.cli.output.table import Column, Result
from cictl.wire.jobs import Cause
from cictl.wire.pages import run_page
from cictl.wire.runs import FailedJob, FailedTest, Run, RunJob, RunList, RunSummary


def _target(run: Run) -> str:
    return f"{run.project or '-'}/{run.pipeline or '-'}" if run.project or run.pipeline else "script"


def _jobs(run: Run) -> str:
    """Return how many jobs are over, of how many."""
    counts = run.counts
    over = counts.succeeded + counts.failed + counts.skipped
    return f"{over}/{over + counts.queued + counts.running}"


def _counts(run: Run) -> str:
    return ", ".join(f"{count} {state}" for state, count in msgspec.structs.asdict(run.counts).items() if count)


def _time(run: Run) -> Callable[[datetime], timedelta | None]:
    return lambda now: (run.finished_utc or now) - run.started_utc if run.started_utc else None


RUN_COLUMNS: tuple[Column[Run], ...] = (
    Column("RUN", lambda r: r.number, page=lambda r: run_page(r.number)),
    Column("STATUS", lambda r: r.status.value),
    Column("PIPELINE", _target, shrinks=True),
    Column("REF", lambda r: short_ref(r.ref), shrinks=True),
    Column("JOBS", _jobs),
    Column("CREATED", lambda r: r.created_utc),
    Column("TIME", _time),
    Column("COMMIT", lambda r: r.sha[:10], wide=True),
    Column("AUTHOR", lambda r: r.author, wide=True, shrinks=True),
    Column("MESSAGE", lambda r: r.message, wide=True, folds=True),
    Column("EVENT", lambda r: r.event, wide=True),
    Column("STARTED BY", lambda r: r.started_by, wide=True),
    Column("RUN ID", lambda r: r.id, wide=True),
)

RUN_DETAILS: tuple[Column[Run], ...] = (
    Column("Run", lambda r: r.number),
    Column("Long id", lambda r: r.id),
    Column("Status", lambda r: r.status.value),
    Column("Pipeline", _target),
    Column("Ref", lambda r: r.ref),
    Column("Commit", lambda r: r.sha),
    Column("Message", lambda r: r.message),
    Column("Author", lambda r: r.author),
    Column("Version", lambda r: r.version),
    Column("Event", lambda r: r.event),
    Column("Started by", lambda r: r.started_by),
    Column("Inputs", lambda r: [f"{name}={value}" for name, value in r.inputs.items()]),
    Column("Created", lambda r: r.created_utc),
    Column("Started", lambda r: r.started_utc),
    Column("Finished", lambda r: r.finished_utc),
    Column("Time", _time),
    Column("Pinned", lambda r: "yes, retention leaves it alone" if r.pinned else ""),
    Column("Decision", lambda r: decision_text(r.decision)),
    Column("Error", lambda r: r.error),
    Column("Warnings", lambda r: r.warnings),
    Column("Counts", _counts),
    Column("Jobs", lambda r: [_job_line(job) for job in r.jobs]),
)


def _job_line(job: RunJob) -> str:
    if job.cause is Cause.SUPERSEDED:
        return f"{job.name} {job.error}"
    took = job.finished_utc - job.started_utc if job.finished_utc and job.started_utc else None
    after = f" after {duration(took)}" if took is not None else ""
    why = f": {job.error}" if job.error and job.status == "failed" else ""
    may = ", which it may" if job.allow_failure and job.status == "failed" else ""
    waits = f": {job.waiting_reason}" if job.waiting_reason else ""
    approved = f", {decision_text(job.decision)}" if job.decision and job.decision.approved else ""
    return f"{job.name} {job.status}{after}{why}{may}{waits}{approved}"


def decision_text(decision: Decision | None) -> str:
    """Return what was decided, by whom and why; empty where nobody was asked."""
    if decision is None:
        return ""
    whose = f" by {decision.by}" if decision.by else ""
    why = f": {decision.reason}" if decision.reason else ""
    return f"{'approved' if decision.approved else 'rejected'}{whose}{why}"


SUMMARY_DETAILS: tuple[Column[RunSummary], ...] = (
    Column(
        "Run", lambda r: f"{r.number} ({_target(r)}, {short_ref(r.ref) or 'no ref'} {r.sha[:10]})".replace(" )", ")")
    ),
    Column("Status", lambda r: r.status.value),
    Column("Message", lambda r: r.message),
    Column("Counts", _counts),
    Column("Failed jobs", lambda r: [line for job in r.failed_jobs for line in _failed_lines(job)]),
    Column("Failed tests", lambda r: [line for test in r.failed_tests for line in _test_lines(test)]),
    Column("Since the last success", lambda r: r.since_last_success),
    Column("Truncated", lambda r: "yes, --max-bytes shows more" if r.truncated else ""),
)


def _failed_lines(job: FailedJob) -> list[str]:
    where = f" in {job.step}" if job.step else ""
    return [f"{job.job} failed{where}: {job.error}", *(f"    {line}" for line in job.tail.splitlines())]


def _test_lines(test: FailedTest) -> list[str]:
    return [test.name, *(f"    {line}" for line in test.text.splitlines())]


def summary_result(summary: RunSummary) -> Result[RunSummary]:
    """Return the summary of a run."""
    return Result(
        message=summary,
        rows=[summary],
        columns=SUMMARY_DETAILS,
        name=lambda r: str(r.number),
        detailed=True,
    )


def runs_result(runs: Sequence[Run], *, next_cursor: str = "") -> Result[Run]:
    """Return the list of runs."""
    return Result(
        message=RunList(runs=list(runs), next_cursor=next_cursor),
        rows=runs,
        columns=RUN_COLUMNS,
        name=lambda r: str(r.number),
        empty="no runs match",
    )


def run_result(run: Run) -> Result[Run]:
    """Return one run in detail."""
    return Result(
        message=run,
        rows=[run],
        columns=RUN_DETAILS,
        name=lambda r: str(r.number),
        detailed=True,
    )
