"""One job and one row of its matrix as the execution that a run enqueues."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from cictl.expressions import NEVER, ExpressionError, decide, holds
from cictl.project_file import Job, Pipeline, render_all
from cictl.project_file.shells import CONTAINER_SHELLS
from cictl.project_file.tools import tools_of_row
from cictl.wire.jobs import JobSpec, Source
from cictl.wire.metadata import JobMetadata
from cictl.wire.projects import RunRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services.history.groups.levels import waits_for_groups
from cictl_server.services.history.past_runs import matrix_variables
from cictl_server.services.pipelines.planning.context import RunIdentity, SourceContext
from cictl_server.services.pipelines.planning.names import condition_values, is_open, run_values, template_values
from cictl_server.services.pipelines.planning.policies import pinned_group, pinned_locks
from cictl_server.services.pipelines.planning.requirements import requirements
from cictl_server.services.pipelines.planning.steps import plan_steps
from cictl_server.services.policies.priorities import checked_priority

_CONTAINER_METADATA = {
    "container_image": JobMetadata.container_image,
    "container_workdir": JobMetadata.container_workdir,
    "container_user": JobMetadata.container_user,
    "container_devices": JobMetadata.container_devices,
    "container_groups": JobMetadata.container_groups,
}


def plan_job(
    pipeline: Pipeline,
    job: Job,
    row: int,
    *,
    request: RunRequest,
    inputs: dict[str, str],
    source: SourceContext,
    identity: RunIdentity,
) -> JobSpec:
    """Return the execution of one row of *job*.

    Args:
        inputs: The value of each input of *pipeline*.

    Raises:
        InvalidRequest: The requested agent contradicts the job, the job has no step left to execute, or the name of its
            concurrency group or of a lock is too long.
    """
    values = template_values(job, row, inputs=inputs, source=source, identity=identity)
    conditions = condition_values(pipeline, values)
    left = _decided(job, conditions)
    job = _rendered(job, row, values)
    steps = plan_steps(job, values, conditions=conditions, dry_run=request.dry_run)
    if not steps:
        raise InvalidRequest(f'pipeline job "{job.id}" has no executable steps after rendering')
    scripts = [step.script for step in steps if step.script]
    spec = JobSpec(
        script="\n".join(scripts) or "echo [dry-run] all steps skipped",
        env={**_environment(source, dry_run=request.dry_run), **render_all(pipeline.env, values), **job.env},
        timeout_seconds=job.timeout_seconds,
        artifact_globs=job.artifacts,
        caches=job.caches,
        source=_source(pipeline, source),
        metadata=_metadata(pipeline, job, row, request=request, source=source, identity=identity),
        step_plan=steps,
        working_directory=job.working_directory,
        shell=_shell_inside(job),
        services=job.services,
        artifacts=job.kept_files,
        declared_outputs=job.outputs,
        inputs=inputs,
        condition=job.condition,
        open_condition="" if left == NEVER else left,
        skipped=left == NEVER,
        allow_failure=job.allow_failure,
        fail_fast=job.fail_fast,
        max_parallel=job.max_parallel,
        retry=job.retry,
        approval=job.approval,
        priority=_priority(pipeline, job, request),
        concurrency=pinned_group(job.concurrency, values, whose=f'job "{job.id}"'),
        run_concurrency=pinned_group(
            pipeline.concurrency,
            run_values(inputs=inputs, source=source, identity=identity),
            whose=f'pipeline "{pipeline.id}"',
        ),
        locks=pinned_locks(job.locks, values, whose=f'job "{job.id}"'),
    )
    spec = replace(spec, metadata=spec.metadata | waits_for_groups(spec))
    return replace(spec, required_capabilities=requirements(job, spec, agent_id=request.agent_id.strip()))


def _priority(pipeline: Pipeline, job: Job, request: RunRequest) -> int:
    """Return what whoever starts the run says, else the job, else its pipeline.

    Raises:
        InvalidRequest: What the run says is out of bounds.
    """
    if request.priority is not None:
        return checked_priority(request.priority)
    return pipeline.priority if job.priority is None else job.priority


def _decided(job: Job, values: Mapping[str, str]) -> str:
    """Return what is left of the job's condition until the jobs that it needs are over.

    Raises:
        InvalidRequest: It can't be decided.
    """
    try:
        left = decide(job.condition, values, is_open=is_open)
        if job.needs:
            return left
        return "" if holds(left, has_failed=False) else NEVER
    except ExpressionError as error:
        raise InvalidRequest(f'the condition of job "{job.id}" can\'t be decided: {error}') from error


def _rendered(job: Job, row: int, values: Mapping[str, str]) -> Job:
    """Return one row of *job* with its own templates replaced; those of its steps are left to `plan_steps`."""
    return replace(
        job,
        runs_on=render_all(job.runs_on, values),
        requires_tools=tools_of_row(job.requires_tools, matrix_variables(job, row)),
        requires_container_tools=tools_of_row(job.requires_container_tools, matrix_variables(job, row)),
        env=render_all(job.env, values),
        working_directory=render_all(job.working_directory, values),
        services=render_all(job.services, values),
        artifacts=render_all(job.artifacts, values),
        kept_files=render_all(job.kept_files, values),
        outputs=render_all(job.outputs, values),
        caches=render_all(job.caches, values),
    )


def _shell_inside(job: Job) -> str:
    """Return the shell inside the job's container, if it has one and names another than `sh`."""
    in_container = bool(job.runs_on.get("container_image", "").strip())
    return job.shell if in_container and job.shell in CONTAINER_SHELLS and job.shell != "posix" else ""


def _source(pipeline: Pipeline, source: SourceContext) -> Source | None:
    """Return what the executions of *pipeline* check out, in the way that its file says; None for nothing."""
    if not source.repo:
        return None
    found = Source(repo=source.repo, ref=source.commit or source.ref_raw, worktree=source.worktree)
    own = pipeline.vcs_source
    return (
        replace(found, depth=own.depth, tags=own.tags, submodules=own.submodules, lfs=own.lfs, path=own.path)
        if own
        else found
    )


def _metadata(
    pipeline: Pipeline, job: Job, row: int, *, request: RunRequest, source: SourceContext, identity: RunIdentity
) -> dict[str, str]:
    name = matrix_variables(job, row).get("name", "")
    always = (
        JobMetadata.project(identity.project),
        JobMetadata.project_id(str(identity.project_id)),
        JobMetadata.pipeline_id(pipeline.id),
        JobMetadata.pipeline_run_id(identity.pipeline_run_id),
        JobMetadata.pipeline_job_id(job.id),
        JobMetadata.pipeline_job_index(str(row)),
        JobMetadata.pipeline_source_repo(source.repo),
    )
    optional = JobMetadata.entries(
        JobMetadata.matrix_index(str(row) if job.matrix else ""),
        JobMetadata.matrix_name(name),
        JobMetadata.build_target(name),
        JobMetadata.dry_run(request.dry_run),
        JobMetadata.pipeline_source_ref_raw(source.ref_raw),
        JobMetadata.base_branch(identity.base_branch),
        JobMetadata.from_fork(identity.is_from_fork),
        JobMetadata.tracked_ref(_tracked_ref(pipeline, job)),
        JobMetadata.pipeline_source_ref_resolved(source.commit),
        JobMetadata.pipeline_version_raw(source.version_raw),
        JobMetadata.pipeline_version(source.version),
        JobMetadata.build_version(source.version),
        JobMetadata.needs_job_ids(job.needs),
        JobMetadata.restored_needs_job_ids(job.restored_needs),
        JobMetadata.needs_blocked(bool(job.needs)),
        JobMetadata.approval_blocked(job.approval is not None),
        *(key(job.runs_on.get(name, "").strip()) for name, key in _CONTAINER_METADATA.items()),
    )
    return {**dict(always), **optional, **identity.chain}


def _tracked_ref(pipeline: Pipeline, job: Job) -> str:
    """Return the ref whose caches the job may take beside those of its own; empty for a job without caches in its checkout."""
    in_checkout = any(cache.path for cache in job.caches)
    return pipeline.vcs_source.ref if pipeline.vcs_source and in_checkout else ""


def _environment(source: SourceContext, *, dry_run: bool) -> dict[str, str]:
    optional = {
        "CIWI_PIPELINE_VERSION_RAW": source.version_raw,
        "CIWI_PIPELINE_VERSION": source.version,
        "CIWI_PIPELINE_TAG": source.version,
        "CIWI_PIPELINE_TAG_PREFIX": source.tag_prefix,
        "CIWI_PIPELINE_VERSION_FILE": source.version_file,
        "CIWI_PIPELINE_SOURCE_REF": source.commit,
        "CIWI_PIPELINE_SOURCE_REF_RAW": source.ref_raw,
        "CIWI_DRY_RUN": "1" if dry_run else "",
    }
    present = {"CIWI_PIPELINE_SOURCE_REPO": source.repo} | {key: value for key, value in optional.items() if value}
    twins = {"CICTL_" + key.removeprefix("CIWI_"): value for key, value in present.items()}
    return present | twins
