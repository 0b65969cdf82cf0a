"""`execution_mode: offline_cached`: a run with the version and commit of an earlier run. The server asks no remote."""

from __future__ import annotations

import msgspec

from cictl.base.names.git_names import is_commit
from cictl.project_file import Job, Pipeline
from cictl.wire.jobs import JobSpec
from cictl.wire.metadata import JobMetadata
from cictl.wire.projects import RunRequest
from cictl_server.errors import InvalidRequest
from cictl_server.services.history.past_runs import Unsatisfied, satisfying_run
from cictl_server.services.pipelines.dependencies import Inherited
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.projects.git import check_ref, check_repository
from cictl_server.store.contract import View


class CachedSource(msgspec.Struct, frozen=True, kw_only=True):
    """The source of an offline run.

    Attributes:
        origin: `dependency` or `pipeline_history`; empty when no earlier run was found.
    """

    source: SourceContext
    origin: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)


def cached_source(
    view: View, project_id: int, pipeline: Pipeline, request: RunRequest, inherited: Inherited
) -> CachedSource:
    """Return the source of the dependencies, or else of the pipeline's own newest successful run.

    Raises:
        InvalidRequest: A versioned pipeline without an earlier run, a `source_ref` that is not the cached one, or a ref that
            is no name.
    """
    repo = check_repository(pipeline.vcs_source.repo, field="vcs_source.repo") if pipeline.vcs_source else ""
    ref = check_ref(pipeline.vcs_source.ref, field="vcs_source.ref") if pipeline.vcs_source else ""
    wanted = check_ref(request.source_ref, field="source_ref")
    if inherited.version:
        source = SourceContext(
            repo=repo,
            ref_raw=_checked(wanted, ref, kind="cached/dependency"),
            commit=inherited.commit if inherited.repo == repo else "",
            version_raw=inherited.version_raw,
            version=inherited.version,
            tag_prefix=pipeline.versioning.tag_prefix if pipeline.versioning else "",
            version_file=pipeline.versioning.file if pipeline.versioning else "",
        )
        return CachedSource(source=source, origin="dependency")
    try:
        run = satisfying_run(view, project_id, pipeline, for_dry_run=request.dry_run)
    except Unsatisfied as reason:
        if pipeline.versioning is not None:
            raise InvalidRequest(
                f'offline_cached_only requires a prior successful "{pipeline.id}" run: {reason}'
            ) from reason
        return CachedSource(
            source=SourceContext(repo=repo, ref_raw=_checked(wanted, ref, kind="cached")),
            warnings=["no cached successful run context; using pipeline source ref only"],
        )
    source = SourceContext(
        repo=repo,
        ref_raw=_checked(wanted, run.get(JobMetadata.pipeline_source_ref_raw) or ref, kind="cached"),
        commit=run.get(JobMetadata.pipeline_source_ref_resolved),
        version_raw=run.get(JobMetadata.pipeline_version_raw),
        version=run.get(JobMetadata.pipeline_version),
    )
    return CachedSource(source=source, origin="pipeline_history")


def check_offline_chain(pipelines: list[Pipeline]) -> None:
    """Check that each member of an offline chain builds the repository of the first one, or none.

    Raises:
        InvalidRequest: One differs; the text names it.
    """
    first = pipelines[0].vcs_source
    for pipeline in pipelines[1:]:
        own = pipeline.vcs_source
        if own is not None and (first is None or own.repo.strip() != first.repo.strip()):
            raise InvalidRequest(
                "offline_cached chain execution currently requires same source repo across chain pipelines; "
                f'"{pipeline.id}" differs'
            )


def check_offline_source(pipeline: Pipeline, cached: CachedSource, *, in_chain: bool) -> None:
    """Check that a pipeline with a repository has an earlier run, from which its commit is taken.

    Raises:
        InvalidRequest: It has no earlier run.
    """
    if pipeline.vcs_source is not None and not cached.origin:
        which = "first chain pipeline" if in_chain else "pipeline"
        raise InvalidRequest(f'offline_cached execution requires cached source context for {which} "{pipeline.id}"')


def check_offline_jobs(pipeline: Pipeline, planned: list[JobSpec], *, dry_run: bool) -> None:
    """Check that every execution is pinned to a commit, and that a wet one has no steps that dry runs skip.

    Raises:
        InvalidRequest: One breaks a rule; the text names its job.
    """
    definitions = {job.id: job for job in pipeline.jobs}
    for job in (job for job in planned if not job.skipped):
        name = job.facts.pipeline_job_id
        if job.source is not None and not is_commit(job.source.ref):
            raise InvalidRequest(
                f'offline_cached execution requires pinned cached source commit for job "{name}"; '
                f'got ref="{job.source.ref}"'
            )
        if not dry_run and _has_wet_steps(definitions[name]):
            raise InvalidRequest(
                f'offline_cached execution blocks job "{name}" because it contains skip_dry_run step(s); '
                "run as dry_run or split wet steps"
            )


def _has_wet_steps(job: Job) -> bool:
    return any(step.skip_dry_run for step in job.steps)


def _checked(wanted: str, cached: str, *, kind: str) -> str:
    """Return *wanted*, or *cached* if it is empty.

    Raises:
        InvalidRequest: The two name different refs.
    """
    if not wanted:
        return cached
    if wanted.removeprefix("refs/heads/") != cached.removeprefix("refs/heads/"):
        raise InvalidRequest(f'offline_cached_only source_ref "{wanted}" does not match {kind} source ref "{cached}"')
    return wanted
