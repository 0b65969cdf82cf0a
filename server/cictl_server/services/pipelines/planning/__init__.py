"""From a definition and a selection to the executions of a run. Pure: no store, no git, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from cictl.project_file import Pipeline
from cictl.wire.jobs import JobSpec
from cictl.wire.metadata import JobMetadata
from cictl.wire.projects import Needs, RunRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services.history.past_runs import PastRun, artifact_environment, matrix_variables
from cictl_server.services.pipelines.planning.context import (
    AFTER,
    MANUAL,
    PULL_REQUEST,
    PUSH,
    SCHEDULE,
    WORKTREE,
    RunIdentity,
    SourceContext,
)
from cictl_server.services.pipelines.planning.inputs import check_inputs, input_values
from cictl_server.services.pipelines.planning.job import plan_job
from cictl_server.services.pipelines.planning.lost_outputs import refuse_lost_outputs
from cictl_server.services.pipelines.planning.selection import missing_needs, select

__all__ = [
    "AFTER",
    "MANUAL",
    "PULL_REQUEST",
    "PUSH",
    "SCHEDULE",
    "WORKTREE",
    "RunIdentity",
    "SourceContext",
    "check_inputs",
    "plan",
    "selects",
]


def plan(
    pipeline: Pipeline,
    request: RunRequest,
    *,
    source: SourceContext,
    identity: RunIdentity,
    dependencies: Mapping[str, PastRun] | None = None,
    tolerates_missing_needs: bool = False,
    tolerates_missing_inputs: bool = False,
) -> list[JobSpec]:
    """Return what a run of *pipeline* would enqueue, in the order of the file: jobs, then matrix rows.

    Empty when the selection matches nothing.

    Args:
        dependencies: The run that satisfies each dependency; their artifacts are restored before the steps.
        tolerates_missing_needs: Plan jobs also if their needs are not selected; their metadata names the missing ones.
        tolerates_missing_inputs: Take required inputs that are missing as if they were not required.

    Raises:
        InputRefused: A required input is missing.
        InvalidRequest: The selection leaves out a needed job or one whose output is used, the requested agent contradicts a
            job, or a job has no step left to execute.
    """
    selected = select(pipeline, request)
    missing = missing_needs(selected)
    if missing and not tolerates_missing_needs:
        job_id, needs = next(iter(missing.items()))
        raise InvalidRequest(f'selection excludes required job "{needs[0]}" needed by "{job_id}"')
    if not selected:
        return []
    if request.needs is Needs.DROP:
        refuse_lost_outputs(pipeline, dict.fromkeys(job.id for job, _ in selected))
    inputs = input_values(pipeline, request.inputs, tolerates_missing=tolerates_missing_inputs)
    planned = [
        plan_job(pipeline, job, row, request=request, inputs=inputs, source=source, identity=identity)
        for job, row in selected
    ]
    planned = _in_turn(planned)
    if missing:
        planned = [_with_missing(one, missing.get(one.facts.pipeline_job_id, [])) for one in planned]
    if not dependencies:
        return planned
    return [
        replace(one, env={**one.env, **artifact_environment(dependencies, job.id, matrix_variables(job, row))})
        for one, (job, row) in zip(planned, selected, strict=True)
    ]


def _in_turn(planned: list[JobSpec]) -> list[JobSpec]:
    """Return *planned* with the rows blocked that are beyond what their matrix runs at once."""
    begun: Counter[str] = Counter()
    marked = []
    for job in planned:
        is_late = False
        if job.max_parallel and not job.skipped:
            begun[job.facts.pipeline_job_id] += 1
            is_late = begun[job.facts.pipeline_job_id] > job.max_parallel
        late = JobMetadata.entries(JobMetadata.row_blocked(is_late))
        marked.append(replace(job, metadata=job.metadata | late) if late else job)
    return marked


def selects(request: RunRequest, pipeline: Pipeline) -> bool:
    """Tell whether *request* selects anything of *pipeline*."""
    return bool(select(pipeline, request))


def _with_missing(planned: JobSpec, needs: list[str]) -> JobSpec:
    if not needs:
        return planned
    missing = JobMetadata.entries(JobMetadata.missing_needs_job_ids(needs))
    return replace(planned, metadata=planned.metadata | missing)
