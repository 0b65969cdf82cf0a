"""The artifacts of jobs that a job needs: its agent restores them after those of the pipelines that its own depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from cictl.wire.words import DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS
from cictl_server.services.history.past_runs import by_job, dependency_environment, keeps_files
from cictl_server.store.records.jobs import JobRecord


def with_needed_files(job: JobRecord, needs: Mapping[str, list[JobRecord]]) -> JobRecord:
    """Return *job* as its agent restores the artifacts of its *needs*, those of a later need and of a later row last.

    Args:
        needs: The executions that decide about each need, all of them over.
    """
    found = [
        execution.id
        for need in job.facts.restored_needs_job_ids
        for execution in sorted(needs.get(need, []), key=_row)
        if keeps_files(execution)
    ]
    return _restoring(job, [*restored_ids(job), *found]) if found else job


def with_newest_needed_files(job: JobRecord, run: Iterable[JobRecord]) -> JobRecord:
    """Return *job*, which is to run again, as its agent restores what its needs have kept last.

    Args:
        run: All executions of its run. A need that runs again itself counts as it ended before.
    """
    if not job.facts.restored_needs_job_ids:
        return job
    members = list(run)
    own = {member.id for member in members}
    others = _restoring(job, [id_ for id_ in restored_ids(job) if id_ not in own])
    return with_needed_files(others, by_job(member for member in members if member.status.is_terminal))


def restored_ids(job: JobRecord) -> list[str]:
    """Return the ids of the executions whose artifacts *job* restores."""
    return [id_ for id_ in job.env.get(DEPENDENCY_JOB_IDS, "").split(",") if id_]


def _restoring(job: JobRecord, job_ids: list[str]) -> JobRecord:
    rest = {name: text for name, text in job.env.items() if name not in (DEPENDENCY_JOB_ID, DEPENDENCY_JOB_IDS)}
    return replace(job, env=rest | dependency_environment(job_ids))


def _row(execution: JobRecord) -> int:
    return int(execution.facts.pipeline_job_index or "0")
