"""Chains: executions that wait for other pipelines of their chain run. Waits within a run are in `needs`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from cictl.project_file import Pipeline
from cictl.wire.jobs import Cause
from cictl.wire.metadata import JobMetadata
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.past_runs import (
    PastRun,
    Unsatisfied,
    artifact_environment,
    matrix_variables,
    past_runs,
    satisfying_run,
)
from cictl_server.services.history.waits.needs import all_have_unfinished
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.jobs import FailedDependency, JobRecord


def settled_by_chain(
    tx: Transaction, chain_run_id: str, changed: Iterable[JobRecord], *, now: datetime
) -> list[JobRecord]:
    """Return the blocked executions of a chain run that can now be released or ended, changed accordingly.

    The newest execution of each job and matrix row decides. An upstream pipeline whose executions were all removed
    counts as failed.

    Args:
        changed: Executions of the chain run that ended, were removed, or are blocked and must be looked at.
    """
    if all_have_unfinished(changed, tx.jobs.unfinished_of_chain_run(chain_run_id), key=JobMetadata.pipeline_id):
        return []
    blocked = [j for j in tx.jobs.blocked_of_chain_run(chain_run_id) if j.facts.chain_blocked]
    if not blocked:
        return []
    members = _members(tx.jobs.of_chain_run(chain_run_id))
    settled = (_settled(tx, job, members, now=now) for job in blocked)
    return [job for job in settled if job is not None]


def _members(jobs: list[JobRecord]) -> dict[str, PastRun]:
    """Return the run of each pipeline in a chain run."""
    groups: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for job in reversed(jobs):
        groups[job.facts.pipeline_id].append(job)
    return {pipeline: past_runs(group)[0] for pipeline, group in groups.items()}


def _settled(tx: Transaction, job: JobRecord, members: dict[str, PastRun], *, now: datetime) -> JobRecord | None:
    for name in job.facts.chain_depends_on_pipelines:
        run = members.get(name)
        if run is None or (run.is_over and not run.has_succeeded):
            failed = FailedDependency(pipeline_id=name)
            return _ended(job, failed.reason, failed, now=now)
    if not all(members[name].is_over for name in job.facts.chain_depends_on_pipelines):
        return None
    try:
        environment = _artifacts(tx, job, members)
    except Unsatisfied as reason:
        return _ended(job, str(reason), now=now)
    return msgspec.structs.replace(job, metadata=_without_block(job), env={**job.env, **environment})


def _ended(job: JobRecord, reason: str, failed: FailedDependency | None = None, *, now: datetime) -> JobRecord:
    error = f"cancelled: {reason}"
    ending = Ending(
        log_size=0,
        error=error,
        cause=Cause.DEPENDENCY_FAILED,
        closing_line=f"[chain] {error}",
        failed_dependency=failed,
    )
    metadata = _without_block(job) | JobMetadata.entries(JobMetadata.chain_cancelled(True))
    return advance(job, Event.SKIP, now=now, ending=ending, metadata=metadata)


def _without_block(job: JobRecord) -> dict[str, str]:
    return JobMetadata.without(job.metadata, JobMetadata.chain_blocked)


def _artifacts(view: View, job: JobRecord, members: dict[str, PastRun]) -> dict[str, str]:
    """Return the variables that name the artifacts of the declared dependencies, from this chain run or else the history.

    Raises:
        Unsatisfied: The pipeline is gone, or a dependency outside of the chain no longer holds.
    """
    project_id = int(job.facts.project_id or "0")
    known = {record.definition.id: record.definition for record in view.pipelines.of_project(project_id)}
    pipeline = known.get(job.facts.pipeline_id)
    if pipeline is None:
        raise Unsatisfied(f'load pipeline "{job.facts.pipeline_id}": pipeline not found')
    is_dry = job.facts.dry_run
    runs = {
        name: members.get(name) or _from_history(view, project_id, known, name, for_dry_run=is_dry)
        for name in pipeline.depends_on
    }
    return artifact_environment(runs, job.facts.pipeline_job_id, _row(pipeline, job))


def _from_history(view: View, project_id: int, known: dict[str, Pipeline], name: str, *, for_dry_run: bool) -> PastRun:
    try:
        return satisfying_run(view, project_id, known.get(name), for_dry_run=for_dry_run)
    except Unsatisfied as reason:
        raise Unsatisfied(f'dependency "{name}" not satisfied: {reason}') from reason


def _row(pipeline: Pipeline, job: JobRecord) -> dict[str, str]:
    """Return the matrix row of an execution from the present definition, but its name from its own metadata."""
    index = int(job.facts.pipeline_job_index or "0")
    definition = next((j for j in pipeline.jobs if j.id == job.facts.pipeline_job_id), None)
    variables = (
        dict(matrix_variables(definition, index)) if definition and index < max(1, len(definition.matrix)) else {}
    )
    return {**variables, "name": job.facts.matrix_name}
