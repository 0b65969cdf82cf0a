"""Running again by itself what failed for a cause that its job names."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl_server.services.core.ids import NumberSource
from cictl_server.store.records import JobRecord

_SIGNALLED = 128
"""A shell tells the end of a command by signal N as the exit code 128 + N."""


def is_to_be_retried(job: JobRecord) -> bool:
    """Tell whether *job*, which is over, is to be run again by itself. What was cancelled, or never began, is not."""
    if job.status is not JobStatus.FAILED or job.started is None or job.retry is None:
        return False
    return job.retries < job.retry.limit and not _words(job).isdisjoint(job.retry.on)


def next_attempt(job: JobRecord, *, numbers: NumberSource, now: datetime) -> JobRecord:
    """Return the execution that repeats *job*, in its place in the queue.

    In its concurrency group it has the place of *job*. A row of a matrix of which only some run at once takes its turn behind
    those that wait, since its places go to them.
    """
    attempt = JobMetadata.attempt(str(int(job.facts.attempt or 1) + 1))
    is_row = bool(job.max_parallel)
    waits = (JobMetadata.row_blocked(is_row), JobMetadata.group_blocked(is_row and job.concurrency is not None))
    spec = replace(job, metadata=job.metadata | JobMetadata.entries(attempt, *waits))
    again = JobRecord.queued(spec, number=numbers.next(), created=now, started_by=job.started_by)
    return replace(
        again,
        started_by_job=job.started_by_job,
        start_depth=job.start_depth,
        pinned=job.pinned,
        decision=job.decision,
        keeps_place_of=job.place_in_queue,
        retry_of=job.id,
        retries=job.retries + 1,
    )


def _words(job: JobRecord) -> set[str]:
    """Return what `retry.on` may call the end of *job*."""
    match job.cause:
        case Cause.AGENT_LOST | Cause.TIMED_OUT:
            return {job.cause.value}
        case None | Cause.STEP_FAILED if job.exit_code:
            by_signal = job.exit_code < 0 or job.exit_code > _SIGNALLED
            return {f"exit:{job.exit_code}"} | ({"signal"} if by_signal else set())
        case _:
            return set()
