"""The execution whose failure ended another one before it started."""

from __future__ import annotations

import re

from cictl.wire.jobs import BlockedBy, Dependency, JobStatus
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import FailedDependency, JobRecord


def blocked_by(view: View, job: JobRecord) -> BlockedBy:
    """Return whether *job* ended because another execution failed, and that execution if it still exists."""
    failed = _failed_dependency(job)
    if failed is None:
        return BlockedBy(blocked=False)
    culprit = find_culprit(view, job)
    if culprit is None:
        return BlockedBy(blocked=True)
    dependency = Dependency(
        job_execution_id=culprit.id,
        pipeline_id=culprit.facts.pipeline_id,
        pipeline_job_id=culprit.facts.pipeline_job_id,
        matrix_name=culprit.facts.matrix_name,
        reason=failed.reason,
    )
    return BlockedBy(blocked=True, dependency=dependency)


def find_culprit(view: View, job: JobRecord) -> JobRecord | None:
    """Return the newest execution that failed and ended *job*, which waited for it; None if there is none (any more)."""
    failed = _failed_dependency(job)
    if failed is None:
        return None
    if failed.pipeline_job_id:
        siblings = view.jobs.of_run(job.facts.pipeline_run_id)
        named = [j for j in siblings if j.facts.pipeline_job_id == failed.pipeline_job_id]
    else:
        siblings = view.jobs.of_chain_run(job.facts.chain_run_id)
        named = [j for j in siblings if j.facts.pipeline_id == failed.pipeline_id]
    return next((j for j in reversed(named) if j.status is JobStatus.FAILED), None)


def _failed_dependency(job: JobRecord) -> FailedDependency | None:
    if job.status is not JobStatus.FAILED or job.started is not None:
        return None
    return job.failed_dependency or _told_by_text(job.error)


# Records from before the field `failed_dependency` tell it only by the contract's error text.
_ERROR = re.compile(r"cancelled:\s+(?:required job\s+(.+?)|upstream pipeline\s+(.+?))\s+failed", re.IGNORECASE)


def _told_by_text(error: str) -> FailedDependency | None:
    match = _ERROR.fullmatch(error)
    return FailedDependency(pipeline_job_id=match[1] or "", pipeline_id=match[2] or "") if match else None
