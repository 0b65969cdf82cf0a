"""Runs as the API shows them: from records to wire types."""

from __future__ import annotations

from collections.abc import Iterable

from cictl.wire.jobs import JobStatus, is_cancellation
from cictl.wire.runs import Run, RunCounts, RunJob
from cictl_server.services.core.limits.bounds import Bounds, bounded
from cictl_server.services.history.lookup import short_id
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.jobs.views import NOTHING_HELD, holds_of
from cictl_server.services.policies import Policies
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunPart, RunRecord

_SHOWN = Bounds(text=500, items=100, fields={"error": Bounds(text=4000), "jobs": Bounds(text=500, items=20_000)})
_BAD = (RunPart.FAILED, RunPart.CANCELLED, RunPart.DRAGGED, RunPart.FORGIVEN)


def run_view(run: RunRecord, jobs: Iterable[JobRecord] = (), *, rules: JobRules | None = None) -> Run:
    """Return the view of *run*, with the deciding ones among *jobs*, about which *rules* are asked; long texts are cut."""
    newest = deciding(jobs)
    holds = holds_of(newest, rules) if rules else NOTHING_HELD
    parts = run.parts
    view = Run(
        id=run.run_id,
        number=run.number,
        status=run.status,
        created_utc=run.created,
        counts=RunCounts(
            queued=run.waiting,
            running=parts.get(RunPart.RUNNING, 0),
            succeeded=parts.get(RunPart.SUCCEEDED, 0),
            failed=sum(parts.get(part, 0) for part in _BAD),
            skipped=parts.get(RunPart.SKIPPED, 0),
        ),
        project=run.project,
        pipeline=run.pipeline,
        started_utc=run.started,
        finished_utc=run.finished,
        ref=run.ref,
        branch=run.branch,
        tag=run.tag,
        sha=run.sha,
        version=run.version,
        message=run.message,
        author=run.author,
        event=run.event,
        started_by=run.started_by,
        inputs=run.inputs,
        pinned=run.pinned,
        decision=run.decision,
        error=run.error,
        warnings=[*run.warnings, *_forgiven(parts.get(RunPart.FORGIVEN, 0))],
        jobs=[_job(job, waiting_reason=holds.get(job.id, "")) for job in newest],
    )
    return bounded(view, _SHOWN)


def whole_view(view: View, run: RunRecord, policies: Policies) -> Run:
    """Return the view of *run* with its jobs."""
    return run_view(run, view.jobs.of_run_number(str(run.number)), rules=policies.of_jobs(view))


def _forgiven(count: int) -> list[str]:
    if not count:
        return []
    return ["1 job failed, which it may"] if count == 1 else [f"{count} jobs failed, which they may"]


def _job(job: JobRecord, *, waiting_reason: str) -> RunJob:
    return RunJob(
        id=job.id,
        name=short_id(job),
        status=_status(job),
        pipeline=job.facts.pipeline_id,
        started_utc=job.started,
        finished_utc=job.finished,
        error=job.error,
        cause=job.cause,
        allow_failure=job.allow_failure,
        waiting_reason=waiting_reason,
        decision=job.decision,
    )


def _status(job: JobRecord) -> str:
    if job.skipped:
        return "skipped"
    is_cancelled = job.status is JobStatus.FAILED and is_cancellation(job.cause, job.error)
    return "cancelled" if is_cancelled else job.status.value
