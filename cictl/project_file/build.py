"""Make the definition of a file as written: apply defaults, trim names, add the caches of `go_cache`."""

from msgspec.structs import replace

from cictl.base.job_parts import (
    ApprovalSpec,
    ArtifactSpec,
    CacheSpec,
    ConcurrencySpec,
    OnNew,
    RetrySpec,
    SecretRef,
    ServiceSpec,
    When,
)
from cictl.project_file import definition, schema
from cictl.project_file.matrix import rows_of
from cictl.project_file.needs import needed_jobs, restores_needs, stated_artifacts
from cictl.project_file.outputs import file_of_output
from cictl.project_file.shells import shell_of_job

_GO_CACHES = (CacheSpec(id="go-build", env="GOCACHE"), CacheSpec(id="go-mod", env="GOMODCACHE"))


def build(file: schema.FileShape, *, config_file: str) -> definition.ProjectFile:
    """Return the definition of a *file* that breaks no rule.

    Args:
        config_file: Its name, which decides whether needs bring artifacts.
    """
    restores = restores_needs(config_file)
    return definition.ProjectFile(
        name=file.project.name.strip(),
        version=file.version,
        pipelines=[_pipeline(pipeline, file.defaults, restores_needs=restores) for pipeline in file.pipelines],
        pipeline_chains=[
            definition.Chain(id=chain.id.strip(), pipelines=_trimmed(chain.pipelines)) for chain in file.pipeline_chains
        ],
        notify=[_notify(entry) for entry in file.notify],
    )


def effective_caches(declared: list[CacheSpec], *, go_cache: bool) -> list[CacheSpec]:
    """Return *declared*, then the two caches of `go_cache`. One whose id or variable is declared, in any case, is left out."""
    ids = {cache.id.lower() for cache in declared}
    variables = {cache.env.lower() for cache in declared}
    added = [cache for cache in _GO_CACHES if cache.id.lower() not in ids and cache.env.lower() not in variables]
    return [*declared, *added] if go_cache else declared


def _pipeline(
    pipeline: schema.PipelineShape, defaults: schema.DefaultsShape, *, restores_needs: bool
) -> definition.Pipeline:
    return definition.Pipeline(
        id=pipeline.id,
        trigger=pipeline.trigger.strip(),
        depends_on=_trimmed(pipeline.depends_on),
        on=_triggers(pipeline.on) if pipeline.on is not None else None,
        inputs={name: input_of(shape) for name, shape in pipeline.inputs.items()},
        priority=pipeline.priority,
        concurrency=_concurrency(pipeline.concurrency) if pipeline.concurrency is not None else None,
        env=defaults.env | pipeline.env,
        vcs_source=_source(pipeline.vcs_source) if pipeline.vcs_source is not None else None,
        versioning=_versioning(pipeline.versioning) if pipeline.versioning is not None else None,
        jobs=[_job(job, defaults, restores_needs=restores_needs) for job in pipeline.jobs],
    )


def _notify(entry: schema.NotifyShape) -> definition.Notify:
    return definition.Notify(
        on=[definition.NotifyOn(word.strip()) for word in entry.on],
        webhook=entry.webhook.strip(),
        secret_env=entry.secret_env.strip(),
        command=entry.command.strip(),
        branches=_trimmed(entry.branches),
        pipelines=_trimmed(entry.pipelines),
    )


def _triggers(on: definition.Triggers) -> definition.Triggers:
    schedule = [
        replace(item, cron=" ".join(item.cron.split()), timezone=item.timezone.strip(), ref=item.ref.strip())
        for item in on.schedule
    ]
    return replace(on, schedule=schedule, after=_trimmed(on.after))


def input_of(shape: schema.InputShape) -> definition.Input:
    """Return an input whose type is one."""
    return definition.Input(
        type=definition.InputType(shape.type.strip() or definition.InputType.TEXT),
        options=shape.options,
        default=shape.default,
        required=shape.required,
        description=shape.description.strip(),
    )


def _source(source: schema.VcsSourceShape) -> definition.VcsSource:
    submodules = source.submodules.strip()
    return definition.VcsSource(
        repo=source.repo.strip(),
        ref=source.ref.strip(),
        depth=source.depth,
        tags=source.tags,
        submodules="" if submodules == "false" else submodules,
        lfs=source.lfs,
        path="" if source.path.strip() == "." else source.path.strip(),
    )


def _versioning(versioning: definition.Versioning) -> definition.Versioning:
    return replace(
        versioning,
        file=versioning.file.strip() or "VERSION",
        tag_prefix=versioning.tag_prefix.strip() or "v",
        auto_bump=versioning.auto_bump.strip(),
        auto_bump_vcs_token=versioning.auto_bump_vcs_token.strip(),
        auto_bump_vault=_vault(versioning.auto_bump_vault) if versioning.auto_bump_vault is not None else None,
    )


def _job(job: schema.JobShape, defaults: schema.DefaultsShape, *, restores_needs: bool) -> definition.Job:
    declared = [_cache(cache) for cache in job.caches]
    return definition.Job(
        id=job.id,
        needs=needed_jobs(job.needs),
        need_artifacts=stated_artifacts(job.needs),
        restores_needs=restores_needs and bool(job.needs),
        condition=job.condition.strip(),
        allow_failure=job.allow_failure,
        priority=job.priority,
        retry=_retry(job.retry) if job.retry is not None else None,
        approval=_approval(job.approval) if job.approval is not None else None,
        concurrency=_concurrency(job.concurrency) if job.concurrency is not None else None,
        locks=_trimmed(job.locks),
        runs_on={key: _placement(key, value) for key, value in job.runs_on.items()},
        requires_tools=job.requires.tools,
        requires_container_tools=job.requires.container.tools,
        timeout_seconds=defaults.timeout_seconds if job.timeout_seconds is None else job.timeout_seconds,
        env=job.env,
        shell=shell_of_job(job, defaults),
        working_directory=job.working_directory.strip(),
        services=[_service(service) for service in job.services],
        artifacts=[item for item in job.artifacts if isinstance(item, str)],
        kept_files=[_kept(item) for item in job.artifacts if not isinstance(item, str)],
        outputs={name: file_of_output(source) for name, source in job.outputs.items()},
        caches=effective_caches(declared, go_cache=job.go_cache is not None and job.go_cache.enabled),
        matrix=rows_of(job.matrix),
        fail_fast=job.matrix.fail_fast,
        max_parallel=job.matrix.max_parallel or 0,
        steps=[_step(step) for step in job.steps],
    )


def _retry(retry: schema.RetryShape) -> RetrySpec:
    on = [cause.strip() if isinstance(cause, str) else f"exit:{cause.exit}" for cause in retry.on]
    return RetrySpec(limit=retry.limit, on=on)


def _approval(approval: schema.ApprovalShape) -> ApprovalSpec:
    return ApprovalSpec(roles=[role.strip() for role in approval.roles], timeout_seconds=approval.timeout_seconds)


def _concurrency(concurrency: schema.ConcurrencyShape) -> ConcurrencySpec:
    return ConcurrencySpec(
        group=concurrency.group.strip(),
        limit=concurrency.limit,
        on_new=OnNew(concurrency.on_new.strip() or OnNew.QUEUE),
    )


def _cache(cache: CacheSpec) -> CacheSpec:
    return replace(
        cache,
        id=cache.id.strip(),
        env=cache.env.strip(),
        path=cache.path.strip(),
        key=cache.key.strip(),
        fallback_keys=_trimmed(cache.fallback_keys),
    )


def _service(service: ServiceSpec) -> ServiceSpec:
    return replace(service, image=service.image.strip(), name=service.name.strip(), ready=service.ready.strip())


def _kept(item: schema.ArtifactShape) -> ArtifactSpec:
    return ArtifactSpec(
        paths=item.paths,
        name=item.name.strip(),
        keep_days=item.keep_days,
        when=When(item.when.strip() or When.SUCCESS),
        required=item.required,
    )


def _placement(key: str, value: str) -> str:
    """Return executor and shell trimmed and in lower case: agents offer them so, and compare exactly."""
    return value.strip().lower() if key in ("executor", "shell") else value


def _step(step: definition.Step) -> definition.Step:
    return replace(
        step,
        name=step.name.strip(),
        working_directory=step.working_directory.strip(),
        condition=step.condition.strip(),
        shell=step.shell.strip().lower(),
        test=_test(step.test) if step.test is not None else None,
        vault=_vault(step.vault) if step.vault is not None else None,
    )


def _test(test: definition.Test) -> definition.Test:
    return replace(
        test,
        name=test.name.strip(),
        format=test.format.strip() or "go-test-json",
        report=test.report.strip() if isinstance(test.report, str) else _trimmed(test.report),
        coverage_format=test.coverage_format.strip(),
        coverage_report=test.coverage_report.strip(),
    )


def _vault(vault: definition.VaultUse) -> definition.VaultUse:
    return definition.VaultUse(
        connection=vault.connection.strip(), secrets=[_secret(secret) for secret in vault.secrets]
    )


def _secret(secret: SecretRef) -> SecretRef:
    return replace(
        secret,
        name=secret.name.strip(),
        path=secret.path.strip(),
        key=secret.key.strip(),
        mount=secret.mount.strip(),
    )


def _trimmed(items: list[str]) -> list[str]:
    return [item.strip() for item in items]
