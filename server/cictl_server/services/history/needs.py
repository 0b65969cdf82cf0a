"""`needs`: executions that wait for other jobs of their own run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.metadata import JobMetadata, Key
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.past_runs import deciding
from cictl_server.store.contract import Transaction
from cictl_server.store.records import FailedDependency, JobRecord


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
    siblings = _by_job(tx.jobs.of_run(pipeline_run_id))
    settled = (_settled(job, siblings, now=now) for job in blocked)
    return [job for job in settled if job is not None]


def all_have_unfinished(changed: Iterable[JobRecord], unfinished: Iterable[JobRecord], *, key: Key[str]) -> bool:
    """Tell whether each of *changed* is over while others of its group are not: then nothing that waits can be settled.

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
        groups.discard(key.of(job.facts))
        if not groups:
            return True
    return not groups


def _settled(job: JobRecord, siblings: dict[str, list[JobRecord]], *, now: datetime) -> JobRecord | None:
    """Return *job* released or ended, or None while it has to wait."""
    metadata = JobMetadata.without(job.metadata, JobMetadata.needs_blocked)
    needs = job.facts.needs_job_ids
    # First whether a need has failed, then whether all have succeeded: one need that is over and failed ends the
    # execution even while another still runs. A need without executions counts as failed, because `all` of none is true
    # and `_all_succeeded` of none is not: its executions were deleted.
    for need in needs:
        executions = siblings.get(need, [])
        if all(e.status.is_terminal for e in executions) and not _all_succeeded(executions):
            failed = FailedDependency(pipeline_job_id=need)
            error = f"cancelled: {failed.reason}"
            ending = Ending(
                log_size=0,
                error=error,
                cause=Cause.DEPENDENCY_FAILED,
                closing_line=f"[needs] {error}",
                failed_dependency=failed,
            )
            return advance(job, Event.SKIP, now=now, ending=ending, metadata=metadata)
    if all(_all_succeeded(siblings.get(need, [])) for need in needs):
        return msgspec.structs.replace(job, metadata=metadata)
    return None


def _all_succeeded(executions: list[JobRecord]) -> bool:
    """Tell whether there are executions and all of them succeeded."""
    return bool(executions) and all(e.status is JobStatus.SUCCEEDED for e in executions)


def _by_job(executions: Iterable[JobRecord]) -> dict[str, list[JobRecord]]:
    """Return the deciding executions by the id of their job."""
    groups: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for job in deciding(executions):
        groups[job.facts.pipeline_job_id].append(job)
    return groups
