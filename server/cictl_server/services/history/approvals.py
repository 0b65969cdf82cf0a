"""Approvals: executions that no agent gets before somebody lets them begin.

A job may ask for one in its file. Then its execution waits once its needs are over, and its rows do so together. A whole run may ask
for one too, whoever starts it says so by `held_for_approval`: then each of its executions waits from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from cictl.base.job_parts import ApprovalSpec, Decision
from cictl.wire.jobs import Cause, JobSpec
from cictl.wire.metadata import JobMetadata
from cictl.wire.words import CONTROL
from cictl_server.services.history.lifecycle import Ending
from cictl_server.store.records.jobs import JobRecord


def held_for_approval(planned: Iterable[JobSpec], approval: ApprovalSpec) -> list[JobSpec]:
    """Return the executions of a run, as planned, so that none begins before somebody approves the run.

    A job that asks for an approval of its own asks for that afterwards.
    """
    waits = JobMetadata.entries(JobMetadata.run_approval_blocked(True), JobMetadata.run_asks_approval(True))
    return [replace(job, run_approval=approval, metadata=job.metadata | waits) for job in planned]


def noted_approvals(planned: Sequence[JobSpec], *, asks: bool) -> list[JobSpec]:
    """Return the executions of a run, as planned; each knows whether one of them asks for an approval.

    Args:
        asks: Otherwise none of them does, whatever its job says.
    """
    if not asks:
        return [_unasked(job) for job in planned]
    if not any(job.approval for job in planned):
        return list(planned)
    noted = JobMetadata.entries(JobMetadata.run_asks_approval(True))
    return [replace(job, metadata=job.metadata | noted) for job in planned]


def _unasked(job: JobSpec) -> JobSpec:
    return replace(job, approval=None, metadata=JobMetadata.without(job.metadata, JobMetadata.approval_blocked))


def asked(job: JobRecord, *, now: datetime) -> JobRecord:
    """Return *job*; if it waits for an approval, and did not before, its time for that begins."""
    approval = job.awaited_approval
    if approval is None or job.approval_due is not None:
        return job
    return replace(job, approval_due=now + timedelta(seconds=approval.timeout_seconds))


def approved(job: JobRecord, decision: Decision, *, now: datetime) -> JobRecord:
    """Return *job*, which waits for an approval, with the one that it waits for. It may ask for another one then."""
    is_of_run = job.facts.run_approval_blocked
    key = JobMetadata.run_approval_blocked if is_of_run else JobMetadata.approval_blocked
    metadata = JobMetadata.without(job.metadata, key)
    return asked(replace(job, metadata=metadata, approval_due=None, decision=decision), now=now)


def rejection(decision: Decision) -> Ending:
    """Return how an execution ends that somebody rejected."""
    whose = f" by {decision.by}" if decision.by else ""
    return _not_approved(f"rejected{whose}: {decision.reason}")


def overdue(job: JobRecord) -> Ending:
    """Return how an execution ends that nobody approved in time."""
    seconds = job.awaited_approval.timeout_seconds if job.awaited_approval else 0
    return _not_approved(f"not approved: nobody decided within {seconds} s")


def _not_approved(error: str) -> Ending:
    return Ending(log_size=0, error=error, cause=Cause.NOT_APPROVED, closing_line=f"{CONTROL}{error}")
