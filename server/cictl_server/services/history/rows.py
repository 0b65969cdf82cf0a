"""Rows of a matrix that wait for each other: `max_parallel` releases them one by one, `fail_fast` ends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from cictl.wire.jobs import CANCELLATIONS, Cause, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl.wire.words import CONTROL
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.store.contract import Transaction
from cictl_server.store.records.jobs import JobRecord


def ended_by_rows(
    tx: Transaction, pipeline_run_id: str, changed: Iterable[JobRecord], *, now: datetime
) -> list[JobRecord]:
    """Return the rows that have not begun, ended because a row of their matrix has failed."""
    failed = {job.facts.pipeline_job_id: job for job in changed if job.fail_fast and _has_failed(job)}
    if not failed:
        return []
    waiting = [job for job in tx.jobs.unfinished_of_run(pipeline_run_id) if job.status is JobStatus.QUEUED]
    return [_cancelled(job, failed[name], now=now) for job in waiting if (name := job.facts.pipeline_job_id) in failed]


def released_rows(tx: Transaction, pipeline_run_id: str, changed: Iterable[JobRecord]) -> list[JobRecord]:
    """Return the rows that may run now, because others of their matrix have ended, or were removed."""
    limits = {job.facts.pipeline_job_id: job.max_parallel for job in changed if job.max_parallel}
    return [job for name, limit in limits.items() for job in _released(tx, pipeline_run_id, name, limit)]


def _released(tx: Transaction, pipeline_run_id: str, job_id: str, limit: int) -> list[JobRecord]:
    """Return the oldest blocked rows of a job, as many as there are places.

    This keeps large matrices cheap: rows are released in their order, so behind the first one that finds no place are none
    that could, and the look ends there.
    """
    places, released = limit, list[JobRecord]()
    for job in tx.jobs.unfinished_of_run(pipeline_run_id):
        if job.facts.pipeline_job_id != job_id:
            continue
        if job.facts.row_blocked:
            if not places:
                break
            metadata = JobMetadata.without(job.metadata, JobMetadata.row_blocked)
            released.append(replace(job, metadata=metadata))
        places = max(0, places - 1)
    return released


def _has_failed(job: JobRecord) -> bool:
    """Tell whether *job* ended by a failure of its own that is not forgiven."""
    is_own = job.cause not in (*CANCELLATIONS, Cause.DEPENDENCY_FAILED)
    return job.status is JobStatus.FAILED and is_own and not job.is_good and not job.retried_by


def _cancelled(job: JobRecord, failed: JobRecord, *, now: datetime) -> JobRecord:
    row = failed.facts.matrix_name or failed.facts.matrix_index
    error = f"cancelled: row {row} failed, and its matrix says fail_fast"
    ending = Ending(log_size=0, error=error, cause=Cause.CANCELLED, closing_line=f"{CONTROL}{error}")
    metadata = JobMetadata.without(job.metadata, JobMetadata.row_blocked)
    return advance(job, Event.FAIL, now=now, ending=ending, metadata=metadata)
