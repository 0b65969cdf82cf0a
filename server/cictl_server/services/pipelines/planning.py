"""From a definition and a selection to the executions of a run. Pure: no store, no git, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from cictl.project_file import Job, Pipeline, render
from cictl.project_file import Step as StepDefinition
from cictl.wire.jobs import SKIPPED_STEP, TEST_STEP, JobSpec, Source, Step
from cictl.wire.metadata import JobMetadata
from cictl.wire.projects import Needs, RunRequest
from cictl.wire.requirements import CONTAINER_TOOL, TOOL
from cictl_server.errors import InvalidRequest
from cictl_server.services.history.past_runs import PastRun, artifact_environment, matrix_variables

_CONTAINER_METADATA = {
    "container_image": JobMetadata.container_image,
    "container_workdir": JobMetadata.container_workdir,
    "container_user": JobMetadata.container_user,
    "container_devices": JobMetadata.container_devices,
    "container_groups": JobMetadata.container_groups,
}


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """The source and the version of a run; what is unknown is empty.

    Attributes:
        ref_raw: The ref as configured or overridden.
        commit: The commit that it was resolved to.
        version_raw: `1.2.3`.
        version: `v1.2.3`, also the tag.
        warnings: What whoever starts the run should know of this source.
    """

    repo: str = ""
    ref_raw: str = ""
    commit: str = ""
    version_raw: str = ""
    version: str = ""
    tag_prefix: str = ""
    version_file: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunIdentity:
    """The run and the project of planned executions. `chain` is the metadata of a member of a chain run."""

    project: str
    project_id: int
    pipeline_run_id: str
    chain: Mapping[str, str] = field(default_factory=dict)


def plan(
    pipeline: Pipeline,
    request: RunRequest,
    *,
    source: SourceContext,
    identity: RunIdentity,
    dependencies: Mapping[str, PastRun] | None = None,
    tolerates_missing_needs: bool = False,
) -> list[JobSpec]:
    """Return what a run of *pipeline* would enqueue, in the order of the file: jobs, then matrix rows.

    Empty when the selection matches nothing.

    Args:
        dependencies: The run that satisfies each dependency; their artifacts are restored before the steps.
        tolerates_missing_needs: Plan jobs also if their needs are not selected; their metadata names the missing ones.

    Raises:
        InvalidRequest: The selection leaves out a needed job, the requested agent contradicts a job, or a job has no
            step left to execute.
    """
    selected = _select(pipeline, request)
    missing = _missing_needs(selected)
    if missing and not tolerates_missing_needs:
        job_id, needs = next(iter(missing.items()))
        raise InvalidRequest(f'selection excludes required job "{needs[0]}" needed by "{job_id}"')
    planned = [
        _plan_job(pipeline, job, row, request=request, source=source, identity=identity) for job, row in selected
    ]
    if missing:
        planned = [_with_missing(one, missing.get(one.facts.pipeline_job_id, [])) for one in planned]
    if not dependencies:
        return planned
    return [
        replace(one, env={**one.env, **artifact_environment(dependencies, job.id, matrix_variables(job, row))})
        for one, (job, row) in zip(planned, selected, strict=True)
    ]


def selects(request: RunRequest, pipeline: Pipeline) -> bool:
    """Tell whether *request* selects anything of *pipeline*."""
    return bool(_select(pipeline, request))


def _with_missing(planned: JobSpec, needs: list[str]) -> JobSpec:
    if not needs:
        return planned
    missing = JobMetadata.entries(JobMetadata.missing_needs_job_ids(needs))
    return replace(planned, metadata=planned.metadata | missing)


def _select(pipeline: Pipeline, request: RunRequest) -> list[tuple[Job, int]]:
    """Return the selected pairs of job and matrix row. A job without a matrix has the single row 0."""
    selected = [
        (job, row)
        for job in pipeline.jobs
        if request.pipeline_job_id in ("", job.id)
        for row in _rows(job)
        if request.matrix_index in (None, row)
        and request.matrix_name in ("", matrix_variables(job, row).get("name", ""))
    ]
    match request.needs:
        case Needs.ADD:
            return _with_needs(pipeline, selected)
        case Needs.DROP:
            return _without_needs(selected)
        case Needs.REFUSE:
            return selected


def _rows(job: Job) -> range:
    return range(max(1, len(job.matrix)))


def _with_needs(pipeline: Pipeline, selected: list[tuple[Job, int]]) -> list[tuple[Job, int]]:
    """Add all rows of each job that is needed, directly or not, and of which nothing is selected."""
    jobs = {job.id: job for job in pipeline.jobs}
    chosen = {job.id for job, _ in selected}
    pairs = {(job.id, row) for job, row in selected}
    needed: set[str] = set()
    left = [need for job, _ in selected for need in job.needs]
    while left:
        need = left.pop()
        if need not in needed | chosen:
            needed.add(need)
            left += jobs[need].needs
    return [(job, row) for job in pipeline.jobs for row in _rows(job) if job.id in needed or (job.id, row) in pairs]


def _without_needs(selected: list[tuple[Job, int]]) -> list[tuple[Job, int]]:
    chosen = {job.id for job, _ in selected}
    return [(replace(job, needs=[need for need in job.needs if need in chosen]), row) for job, row in selected]


def _missing_needs(selected: list[tuple[Job, int]]) -> dict[str, list[str]]:
    """Return the needs of each selected job that are not selected: the job would wait for them for ever."""
    chosen = {job.id for job, _ in selected}
    missing = {job.id: [need for need in job.needs if need not in chosen] for job, _ in selected}
    return {job_id: needs for job_id, needs in missing.items() if needs}


def _plan_job(
    pipeline: Pipeline, job: Job, row: int, *, request: RunRequest, source: SourceContext, identity: RunIdentity
) -> JobSpec:
    values = {**matrix_variables(job, row), **_template_values(source)}
    job = _rendered(job, values)
    steps = _steps(job, values, dry_run=request.dry_run)
    if not steps:
        raise InvalidRequest(f'pipeline job "{job.id}" has no executable steps after rendering')
    scripts = [step.script for step in steps if step.script]
    return JobSpec(
        script="\n".join(scripts) or "echo [dry-run] all steps skipped",
        env=_environment(source, dry_run=request.dry_run),
        required_capabilities=_requirements(job, agent_id=request.agent_id.strip()),
        timeout_seconds=job.timeout_seconds,
        artifact_globs=job.artifacts,
        caches=job.caches,
        source=_source(pipeline, source),
        metadata=_metadata(pipeline, job, row, request=request, source=source, identity=identity),
        step_plan=steps,
    )


def _rendered(job: Job, values: Mapping[str, str]) -> Job:
    """Return *job* with its own templates replaced; those of its steps are left to `_steps`."""
    return replace(
        job,
        runs_on={key: render(text, values) for key, text in job.runs_on.items()},
        artifacts=[render(pattern, values) for pattern in job.artifacts],
    )


def _source(pipeline: Pipeline, source: SourceContext) -> Source | None:
    """Return what the executions of *pipeline* check out, in the way that its file says; None for nothing."""
    if not source.repo:
        return None
    found = Source(repo=source.repo, ref=source.commit or source.ref_raw)
    own = pipeline.vcs_source
    return replace(found, depth=own.depth, tags=own.tags, submodules=own.submodules, lfs=own.lfs) if own else found


def _steps(job: Job, values: Mapping[str, str], *, dry_run: bool) -> list[Step]:
    kept = [
        (position, definition, script)
        for position, definition in enumerate(job.steps, start=1)
        if (script := _script(definition, values, dry_run=dry_run)) is None or script.strip()
    ]
    return [
        _step(definition, script, values, job=job, position=position, index=index, total=len(kept))
        for index, (position, definition, script) in enumerate(kept, start=1)
    ]


def _script(definition: StepDefinition, values: Mapping[str, str], *, dry_run: bool) -> str | None:
    """Return the rendered command of a step; None if this is a dry run and skips it."""
    if dry_run and definition.skip_dry_run:
        return None
    return render(_command(definition), values)


def _step(
    definition: StepDefinition,
    script: str | None,
    values: Mapping[str, str],
    *,
    job: Job,
    position: int,
    index: int,
    total: int,
) -> Step:
    base = Step(
        index=index,
        total=total,
        env={key: render(value, values) for key, value in definition.env.items()},
        vault_connection=definition.vault.connection if definition.vault else "",
        vault_secrets=definition.vault.secrets if definition.vault else [],
    )
    if script is None:
        return replace(base, name=_command(definition).strip(), kind=SKIPPED_STEP)
    if definition.test is None:
        return replace(base, name=f"step {position}", script=script)
    test = definition.test
    name = render(test.name, values) or f"{job.id}-test-{index}"
    return replace(
        base,
        name=f"test {name}",
        script=script,
        kind=TEST_STEP,
        test_name=name,
        test_format=test.format,
        test_report=render(test.report, values),
        coverage_format=test.coverage_format,
        coverage_report=render(test.coverage_report, values),
    )


def _command(definition: StepDefinition) -> str:
    return definition.test.command if definition.test else definition.run


def _requirements(job: Job, *, agent_id: str) -> dict[str, str]:
    required = {key: value for key, value in job.runs_on.items() if not key.startswith("container_")}
    required |= {TOOL + tool: constraint for tool, constraint in job.requires_tools.items()}
    required |= {CONTAINER_TOOL + tool: constraint for tool, constraint in job.requires_container_tools.items()}
    if agent_id:
        wanted = required.get("agent_id", "")
        if wanted and wanted != agent_id:
            raise InvalidRequest(
                f'selection requested agent_id "{agent_id}" but job "{job.id}" requires agent_id "{wanted}"'
            )
        required["agent_id"] = agent_id
    return required


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
        JobMetadata.pipeline_source_ref_resolved(source.commit),
        JobMetadata.pipeline_version_raw(source.version_raw),
        JobMetadata.pipeline_version(source.version),
        JobMetadata.build_version(source.version),
        JobMetadata.needs_job_ids(job.needs),
        JobMetadata.needs_blocked(bool(job.needs)),
        *(key(job.runs_on.get(name, "").strip()) for name, key in _CONTAINER_METADATA.items()),
    )
    return {**dict(always), **optional, **identity.chain}


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


def _template_values(source: SourceContext) -> dict[str, str]:
    values = {
        "ciwi.version_raw": source.version_raw,
        "ciwi.version": source.version,
        "ciwi.tag_prefix": source.tag_prefix,
    }
    return {key: value for key, value in values.items() if value}
