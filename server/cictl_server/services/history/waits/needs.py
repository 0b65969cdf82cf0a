"""`needs`: executions that wait for other jobs of their own run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from cictl.expressions import ExpressionError, decide, holds
from cictl.wire.jobs import Cause
from cictl.wire.metadata import JobMetadata, Key
from cictl_server.services.history.lifecycle import Ending, Event, advance, left_out
from cictl_server.services.history.outputs import outputs_of, with_outputs
from cictl_server.services.history.past_runs import by_job
from cictl_server.services.history.waits.needed_files import with_needed_files
from cictl_server.store.contract import Transaction
from cictl_server.store.records.jobs import FailedDependency, JobRecord


def settled_by_needs(
    tx: Transaction, pipeline_run_id: str, changed: Iterable[JobRecord], *, now: datetime
) -> list[JobRecord]:
    """Return the blocked executions of a run that can now be released or ended, changed accordingly.

    Args:
        changed: Executions of the run that ended, were removed, or are blocked and must be looked at.
    """
    if all_have_unfinished(changed, tx.jobs.unfinished_of_run(pipeline_run_id), key=JobMetadata.pipeline_job_id):
        return []
    blocked = [j for j in tx.jobs.blocked_of_run(pipeline_run_id) if j.facts.needs_blocked]
    if not blocked:
        return []
    siblings = by_job(tx.jobs.of_run(pipeline_run_id))
    settled = (_settled(job, siblings, now=now) for job in blocked)
    return [job for job in settled if job is not None]


def all_have_unfinished(changed: Iterable[JobRecord], unfinished: Iterable[JobRecord], *, key: Key[str]) -> bool:
    """Tell whether each of *changed* is over while others of its group, that decide, are not: then nothing can be settled.

    This keeps large matrices cheap. Each of 1,000 rows that ends would else cause a look at all 1,000; here the first
    unfinished sibling answers, and only the last row to end causes the full look.

    Args:
        key: The metadata key that names the group, such as the id of the job.
    """
    groups = set[str]()
    for job in changed:
        if not job.status.is_terminal:
            return False
        groups.add(key.of(job.facts))
    for job in unfinished:
        if not job.superseded:
            groups.discard(key.of(job.facts))
        if not groups:
            return True
    return not groups


def _settled(job: JobRecord, siblings: dict[str, list[JobRecord]], *, now: datetime) -> JobRecord | None:
    """Return *job* released or ended, or None while it has to wait."""
    needs = {need: siblings.get(need, []) for need in job.facts.needs_job_ids}
    # First whether a need has failed, then whether all have succeeded: one need that is over and failed ends the
    # execution even while another still runs. A need without executions counts as failed, because `all` of none is true
    # and `_all_good` of none is not: its executions were deleted.
    lost = next((need for need, found in needs.items() if _are_over(found) and not _all_good(found)), "")
    if job.open_condition:
        return _settled_by_condition(job, needs, lost=lost, now=now) if all(map(_are_over, needs.values())) else None
    if lost:
        return _dragged_along(job, lost, now=now)
    return _released(job, needs, now=now) if all(map(_all_good, needs.values())) else None


def _settled_by_condition(job: JobRecord, needs: dict[str, list[JobRecord]], *, lost: str, now: datetime) -> JobRecord:
    """Return *job*, whose *needs* are all over, as its condition says.

    Args:
        lost: The first of the needs that failed; empty if none did.
    """
    values = outputs_of(needs)
    try:
        condition = decide(job.open_condition, values)
        if holds(condition, has_failed=bool(lost)):
            return _released(job, needs, now=now)
        would_hold = bool(lost) and holds(condition, has_failed=False)
    except ExpressionError as error:
        return _ended(job, f"its condition can't be decided: {error}", now=now)
    if would_hold:  # so only the failure keeps it from running, which it must not hide from what needs it
        return _dragged_along(job, lost, now=now)
    return left_out(job, now=now, metadata=_without_block(job))


def _released(job: JobRecord, needs: dict[str, list[JobRecord]], *, now: datetime) -> JobRecord:
    """Return *job* as agents may take it, with the outputs of its *needs* in its texts, and told to restore their artifacts."""
    try:
        ready = with_outputs(job, outputs_of(needs))
    except ExpressionError as error:
        return _ended(job, f"the condition of a step can't be decided: {error}", now=now)
    return with_needed_files(msgspec.structs.replace(ready, metadata=_without_block(job)), needs)


def _dragged_along(job: JobRecord, lost: str, *, now: datetime) -> JobRecord:
    failed = FailedDependency(pipeline_job_id=lost)
    return _ended(job, f"cancelled: {failed.reason}", failed, now=now)


def _ended(job: JobRecord, error: str, failed: FailedDependency | None = None, *, now: datetime) -> JobRecord:
    ending = Ending(
        log_size=0,
        error=error,
        cause=Cause.DEPENDENCY_FAILED,
        closing_line=f"[needs] {error}",
        failed_dependency=failed,
    )
    return advance(job, Event.SKIP, now=now, ending=ending, metadata=_without_block(job))


def _without_block(job: JobRecord) -> dict[str, str]:
    return JobMetadata.without(job.metadata, JobMetadata.needs_blocked)


def _are_over(executions: list[JobRecord]) -> bool:
    return all(e.status.is_terminal for e in executions)


def _all_good(executions: list[JobRecord]) -> bool:
    """Tell whether there are executions and all of them let others run."""
    return bool(executions) and all(e.is_good for e in executions)
