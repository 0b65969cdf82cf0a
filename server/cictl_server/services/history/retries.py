"""Running again by itself what failed for a cause that its job names, or, once, what an agent did not get to begin."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl.wire.words import BEFORE_STEPS
from cictl_server.services.core.ids import NumberSource
from cictl_server.store.records.jobs import JobRecord

_OF_INFRASTRUCTURE = frozenset({Cause.AGENT_LOST, Cause.START_FAILED})
_SIGNALLED = 128
"""A shell tells the end of a command by signal N as the exit code 128 + N."""


def next_attempt(before: JobRecord, ended: JobRecord, *, numbers: NumberSource, now: datetime) -> JobRecord | None:
    """Return the execution that repeats *ended*, in its place in the queue; None if it is not to be run again by itself.

    What was cancelled is not, nor what never began.

    Args:
        before: The same execution as it was before its end.
    """
    if ended.status is not JobStatus.FAILED or ended.started is None:
        return None
    if _is_retried_by_server(before, ended):
        return replace(_again(ended, numbers=numbers, now=now), retries=ended.retries, server_retried=True)
    if _is_to_be_retried(ended):
        return replace(_again(ended, numbers=numbers, now=now), retries=ended.retries + 1)
    return None


def _is_retried_by_server(before: JobRecord, ended: JobRecord) -> bool:
    """Tell whether the server repeats *ended* unasked: once, if as far as it knows no step of it had begun.

    A script is not repeated: whoever sent it to one agent waits for it.
    """
    if ended.server_retried or ended.facts.adhoc:
        return False
    return ended.cause in _OF_INFRASTRUCTURE and before.current_step in BEFORE_STEPS


def _is_to_be_retried(job: JobRecord) -> bool:
    """Tell whether the job asks to be run again after such an end."""
    return job.retry is not None and job.retries < job.retry.limit and not _words(job).isdisjoint(job.retry.on)


def _again(job: JobRecord, *, numbers: NumberSource, now: datetime) -> JobRecord:
    """Return a new execution of *job*.

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
        server_retried=job.server_retried,
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
