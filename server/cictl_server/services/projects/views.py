"""Projects as the API shows them: from records to wire types."""

from __future__ import annotations

from datetime import datetime

from cictl.base.urls import without_login
from cictl.project_file import Input, Job, Pipeline, Step
from cictl.wire.projects import (
    ChainSummary,
    InputDetail,
    JobDetail,
    MatrixInclude,
    PipelineDetail,
    PipelineSummary,
    ProjectDetail,
    ProjectSummary,
    StepDetail,
    VersioningDetail,
)
from cictl_server.services.projects.identity import identity
from cictl_server.services.projects.looks import Look
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord


def project_summary(
    project: ProjectRecord, pipelines: list[PipelineRecord], chains: list[ChainRecord]
) -> ProjectSummary:
    return ProjectSummary(
        id=project.id,
        name=project.name,
        config_path=identity(without_login(project.repo_url), project.repo_ref, project.config_file),
        updated_utc=project.updated,
        pipelines=[_pipeline_summary(p) for p in pipelines],
        repo_url=without_login(project.repo_url),
        repo_ref=project.repo_ref,
        config_file=project.config_file,
        loaded_commit=project.loaded_commit,
        pipeline_chains=[_chain_summary(c, pipelines) for c in chains],
        follows_default=project.follows_default,
    )


def project_detail(
    project: ProjectRecord,
    pipelines: list[PipelineRecord],
    chains: list[ChainRecord],
    *,
    look: Look | None,
    last_hook: datetime | None,
) -> ProjectDetail:
    return ProjectDetail(
        id=project.id,
        name=project.name,
        updated_utc=project.updated,
        repo_url=without_login(project.repo_url),
        repo_ref=project.repo_ref,
        config_file=project.config_file,
        loaded_commit=project.loaded_commit,
        pipelines=[_pipeline_detail(p) for p in pipelines],
        pipeline_chains=[_chain_summary(c, pipelines) for c in chains],
        follows_default=project.follows_default,
        job_tokens=project.job_tokens,
        poll_seconds=project.poll_seconds,
        last_look_utc=look.begun if look else None,
        next_look_utc=look.due if look else None,
        last_hook_utc=last_hook,
        look_error=look.error if look else "",
        public_badges=project.public_badges,
    )


def _pipeline_summary(record: PipelineRecord) -> PipelineSummary:
    pipeline = record.definition
    return PipelineSummary(
        id=record.id,
        pipeline_id=pipeline.id,
        trigger=pipeline.trigger,
        depends_on=pipeline.depends_on,
        source_repo=without_login(pipeline.vcs_source.repo) if pipeline.vcs_source else "",
        source_ref=pipeline.vcs_source.ref if pipeline.vcs_source else "",
        supports_dry_run=_supports_dry_run(pipeline),
    )


def _chain_summary(chain: ChainRecord, pipelines: list[PipelineRecord]) -> ChainSummary:
    by_id = {p.definition.id: p for p in pipelines}
    members = [by_id[p] for p in chain.pipelines if p in by_id]
    return ChainSummary(
        id=chain.id,
        chain_id=chain.chain_id,
        pipelines=chain.pipelines,
        supports_dry_run=any(_supports_dry_run(m.definition) for m in members),
        version_pipeline_id=members[0].id if members else 0,
    )


def _pipeline_detail(record: PipelineRecord) -> PipelineDetail:
    pipeline = record.definition
    versioning = pipeline.versioning
    return PipelineDetail(
        id=record.id,
        pipeline_id=pipeline.id,
        versioning=VersioningDetail(
            file=versioning.file, tag_prefix=versioning.tag_prefix, auto_bump=versioning.auto_bump
        )
        if versioning
        else VersioningDetail(),
        jobs=[_job_detail(job) for job in pipeline.jobs],
        trigger=pipeline.trigger,
        depends_on=pipeline.depends_on,
        source_repo=without_login(pipeline.vcs_source.repo) if pipeline.vcs_source else "",
        source_ref=pipeline.vcs_source.ref if pipeline.vcs_source else "",
        inputs=[_input_detail(name, declared) for name, declared in pipeline.inputs.items()],
        priority=pipeline.priority,
        concurrency=pipeline.concurrency,
    )


def _input_detail(name: str, declared: Input) -> InputDetail:
    return InputDetail(
        name=name,
        type=declared.type,
        options=declared.options,
        default=declared.default,
        required=declared.required,
        description=declared.description,
    )


def _job_detail(job: Job) -> JobDetail:
    return JobDetail(
        id=job.id,
        timeout_seconds=job.timeout_seconds,
        needs=job.needs,
        runs_on=job.runs_on,
        requires_tools=job.requires_tools,
        artifacts=job.artifacts,
        caches=job.caches,
        steps=[_step_detail(step) for step in job.steps],
        matrix_includes=[
            MatrixInclude(index=index, name=row.get("name", ""), vars=row) for index, row in enumerate(job.matrix)
        ],
        condition=job.condition,
        allow_failure=job.allow_failure,
        priority=job.priority,
        retry=job.retry,
        approval=job.approval,
        concurrency=job.concurrency,
        locks=job.locks,
    )


def _step_detail(step: Step) -> StepDetail:
    if step.test is None:
        return StepDetail(
            type="run",
            name=step.name,
            condition=step.condition,
            run=step.run,
            skip_dry_run=step.skip_dry_run,
            env=step.env,
        )
    return StepDetail(
        type="test",
        name=step.name,
        condition=step.condition,
        test_name=step.test.name,
        test_command=step.test.command,
        test_format=step.test.format,
        test_report=step.test.report_paths,
        coverage_format=step.test.coverage_format,
        coverage_report=step.test.coverage_report,
        skip_dry_run=step.skip_dry_run,
        env=step.env,
    )


def _supports_dry_run(pipeline: Pipeline) -> bool:
    return any(step.skip_dry_run for job in pipeline.jobs for step in job.steps)
