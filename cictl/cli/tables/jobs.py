"""What the tables of job executions and of their tests show; how one ended is `outcome`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from cictl.base.text.durations import duration
from cictl.base.text.sizes import size_text
from cictl.cli.outcome import is_forgiven, outcome
from cictl.cli.output.table import Column, Result
from cictl.cli.output.text import iso
from cictl.cli.short_ids import label, label_in_chain, run_ids, short_id
from cictl.cli.tables.runs import decision_text
from cictl.cli.tables.sources import source_text
from cictl.cli.tables.steps import step_lines
from cictl.wire.jobs import CacheStat, JobExecution, JobResponse, JobState, JobStatus, LoggedStep
from cictl.wire.pages import job_page, run_page
from cictl.wire.results.reports import TestCase, TestReport, TestReportResponse
from cictl.wire.waiting.queue import JobList


def state_text(job: JobExecution | JobState) -> str:
    """Return the state in a few words: who has it, which step runs, how it ended."""
    match job.status:
        case JobStatus.LEASED:
            return f"leased by {job.leased_by_agent_id or 'an agent'}"
        case JobStatus.RUNNING:
            return f"running: {job.current_step}" if job.current_step else "running"
        case JobStatus.SUCCEEDED | JobStatus.FAILED:
            took = job.finished_utc - job.started_utc if job.finished_utc and job.started_utc else None
            after = f" after {duration(took)}" if took is not None else ""
            why = f": {job.error}" if job.error and outcome(job) == "failed" else ""
            return f"{outcome(job)}{after}{why}{', which it may' if is_forgiven(job) else ''}"
        case JobStatus.QUEUED if job.waiting_reason:
            return f"queued, waits{' for its secrets' if job.not_before_utc else ''}: {job.waiting_reason}"
        case _:
            return str(job.status)


def full_label(job: JobExecution) -> str:
    """Return `project/pipeline`; for an ad-hoc script, where it runs."""
    if job.facts.adhoc:
        return f"script on {job.facts.adhoc_agent_id or '?'}"
    return f"{job.facts.project or '-'}/{job.facts.pipeline_id or '-'}"


def running_time(job: JobExecution | JobState, now: datetime) -> timedelta | None:
    """Return how long the execution ran, or has been running *now*; None when it did not start."""
    return None if job.started_utc is None else (job.finished_utc or now) - job.started_utc


def _time(job: JobExecution) -> Callable[[datetime], timedelta | None]:
    return partial(running_time, job)


JOB_COLUMNS: tuple[Column[JobExecution], ...] = (
    Column("ID", short_id, page=lambda j: job_page(j.id)),
    Column("STATUS", outcome),
    Column(
        "RUN", lambda j: j.facts.run_number, page=lambda j: run_page(j.facts.run_number) if j.facts.run_number else ""
    ),
    Column("PIPELINE", full_label, shrinks=True),
    Column("JOB", label, shrinks=True),
    Column("CREATED", lambda j: j.created_utc),
    Column("TIME", _time),
    Column("AGENT", lambda j: j.leased_by_agent_id, wide=True),
    Column("STEP", lambda j: j.current_step, wide=True),
    Column("ERROR", lambda j: j.error or j.waiting_reason or "; ".join(j.unmet_requirements), wide=True, folds=True),
    Column("LONG ID", lambda j: j.id, wide=True),
    Column("RUN ID", lambda j: j.facts.pipeline_run_id, wide=True),
)

SUMMARY_COLUMNS: tuple[Column[JobExecution], ...] = (
    Column("ID", short_id, page=lambda j: job_page(j.id)),
    Column("STATUS", outcome),
    Column("JOB", label_in_chain, shrinks=True),
    Column("TIME", _time),
    Column("ERROR", lambda j: j.error, folds=True),
)

JOB_DETAILS: tuple[Column[JobExecution], ...] = (
    Column("Id", short_id),
    Column("Long id", lambda j: "" if short_id(j) == j.id else j.id),
    Column("Status", outcome),
    Column("Pipeline", full_label),
    Column("Job", label),
    Column("Run", lambda j: " ".join(run_ids(j)[:2])),
    Column("Version", lambda j: j.facts.pipeline_version),
    Column("Source", lambda j: source_text(j.source.repo, j.source.ref) if j.source else ""),
    Column("Condition", lambda j: j.condition),
    Column("Inputs", lambda j: [f"{name}={value}" for name, value in j.inputs.items()]),
    Column("Agent", lambda j: j.leased_by_agent_id),
    Column("Created", lambda j: j.created_utc),
    Column("Started", lambda j: j.started_utc),
    Column("Finished", lambda j: j.finished_utc),
    Column("Time", _time),
    Column("Time limit", lambda j: _limit_text(j)),
    Column("Step", lambda j: j.current_step),
    Column("Exit code", lambda j: j.exit_code),
    Column("Started by", lambda j: j.started_by),
    Column("Cancelled by", lambda j: j.cancelled_by),
    Column("Decision", lambda j: decision_text(j.decision)),
    Column("Error", lambda j: j.error),
    Column("Warnings", lambda j: j.warnings),
    Column("Outputs", lambda j: [f"{name}={_first_line(text)}" for name, text in j.outputs.items()]),
    Column("Tests", lambda j: _tests_text(j)),
    Column("Pinned", lambda j: "yes, retention leaves the run alone" if j.pinned else ""),
    Column("Log", lambda j: f"removed {iso(j.log_removed_utc)} by retention" if j.log_removed_utc else ""),
    Column(
        "Artifacts", lambda j: f"removed {iso(j.artifacts_removed_utc)} by retention" if j.artifacts_removed_utc else ""
    ),
    Column("Caches", lambda j: [_cache_text(cache) for cache in j.cache_stats]),
    Column("Waits for", lambda j: [*j.unmet_requirements, *([j.waiting_reason] if j.waiting_reason else [])]),
    Column("Next attempt", lambda j: j.not_before_utc),
    Column("Attempt", lambda j: str(j.attempt) if j.attempt else ""),
    Column("Repeats", lambda j: j.retry_of),
    Column("Repeated by", lambda j: j.retried_by),
    Column("Priority", lambda j: str(j.priority) if j.priority else ""),
    Column("Requires", lambda j: [f"{key}={value}" for key, value in sorted((j.required_capabilities or {}).items())]),
)


def _first_line(text: str) -> str:
    line, _, rest = text.partition("\n")
    return f"{line} …" if rest else line


def _limit_text(job: JobExecution) -> str:
    if not job.timeout_seconds:
        return ""
    return duration(timedelta(seconds=job.timeout_seconds)) + (
        " (the server's default)" if job.timeout_is_default else ""
    )


def jobs_result(jobs: list[JobExecution], *, next_cursor: str = "") -> Result[JobExecution]:
    """Return the list of job executions."""
    return Result(
        message=JobList(job_executions=jobs, next_cursor=next_cursor),
        rows=jobs,
        columns=_without_repeats(JOB_COLUMNS, jobs),
        name=lambda j: j.id,
        empty="no jobs match",
    )


def summary_result(jobs: Sequence[JobExecution]) -> Result[JobExecution]:
    """Return how the executions of a run ended; as in lists, without their output."""
    listed = [msgspec.structs.replace(job, output="") for job in jobs]
    columns = _without_repeats(SUMMARY_COLUMNS, listed)
    return Result(message=JobList(job_executions=listed), rows=listed, columns=columns, name=lambda j: j.id)


def _without_repeats(
    columns: tuple[Column[JobExecution], ...], jobs: Sequence[JobExecution]
) -> tuple[Column[JobExecution], ...]:
    """Return *columns* without the job where every id says it, and without the run where no run has a number."""
    numbered = [bool(job.facts.run_number) for job in jobs]
    unneeded = {"JOB"} if all(numbered) else set() if any(numbered) else {"RUN"}
    return tuple(column for column in columns if column.title not in unneeded)


def job_result(job: JobExecution, *, begun: Sequence[LoggedStep] = ()) -> Result[JobExecution]:
    """Return one job execution in detail; *begun* tells when its steps began."""
    steps = Column[JobExecution]("Steps", lambda j: lambda now: list(step_lines(j, begun, now)))
    return Result(
        message=JobResponse(job_execution=job),
        rows=[job],
        columns=(*JOB_DETAILS, steps),
        name=lambda j: j.id,
        detailed=True,
    )


def enqueued_result(job: JobExecution) -> Result[JobExecution]:
    """Return an execution that was just enqueued, as one row of the list."""
    return Result(
        message=JobResponse(job_execution=job),
        rows=[job],
        columns=_without_repeats(JOB_COLUMNS, [job]),
        name=lambda j: j.id,
    )


def tests_result(report: TestReport) -> Result[TestReport]:
    """Return a test report: its counts and what failed."""
    return Result(
        message=TestReportResponse(report=report),
        rows=[report],
        columns=(
            Column("Tests", lambda r: f"{r.total} total, {r.passed} passed, {r.failed} failed, {r.skipped} skipped"),
            Column("Coverage", lambda r: f"{r.coverage.percent:.1f} %" if r.coverage else ""),
            Column("Failures", lambda r: [line for case in failures(r) for line in _failure_lines(case)]),
        ),
        name=lambda _: "",
        names=tuple(_case_name(case) for case in failures(report)),
        detailed=True,
    )


def failures(report: TestReport) -> list[TestCase]:
    """Return the failed cases of all suites."""
    return [case for suite in report.suites for case in suite.cases if case.status == "fail"]


def _case_name(case: TestCase) -> str:
    return f"{case.package}.{case.name}" if case.package else case.name


def _failure_lines(case: TestCase) -> list[str]:
    place = f" ({case.file}:{case.line})" if case.file and case.line else (f" ({case.file})" if case.file else "")
    output = case.output.strip().splitlines()
    shown = output[:10] + ([f"... {len(output) - 10} more lines"] if len(output) > 10 else [])
    return [_case_name(case) + place, *(f"    {line}" for line in shown)]


def _tests_text(job: JobExecution) -> str:
    tests = job.test_summary
    return f"{tests.passed} of {tests.total} passed, {tests.failed} failed, {tests.skipped} skipped" if tests else ""


def _cache_text(cache: CacheStat) -> str:
    """Return whether the cache was there before the job, and its size now."""
    found = f"{cache.id}: {cache.source or 'unknown'}"
    if cache.error:
        return f"{found}, {cache.error}"
    return f"{found}, {'at least ' if cache.incomplete else ''}{size_text(cache.size_bytes)}"
