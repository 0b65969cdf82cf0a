"""The rules of one pipeline: its source, its versioning, its jobs and their graph."""

from cictl.base.names.git_names import ref_fault, repository_fault
from cictl.project_file.definition import Versioning
from cictl.project_file.findings import quote
from cictl.project_file.needs import needed_job, needed_jobs
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.graphs import check_references, find_cycle
from cictl.project_file.rules.inputs import check_inputs
from cictl.project_file.rules.jobs import check_id, check_job
from cictl.project_file.rules.policies import check_concurrency
from cictl.project_file.rules.surroundings import check_priority, check_shared_environment, is_folder_below
from cictl.project_file.rules.triggers import check_triggers
from cictl.project_file.rules.vault import check_vault, undeclared
from cictl.project_file.schema import DefaultsShape, NeedShape, PipelineShape, VcsSourceShape
from cictl.project_file.templates import secret_names

TRIGGERS = ("manual", "vcs")
BUMPS = ("patch", "minor", "major")
SUBMODULES = ("false", "true", "recursive")


def check_pipeline(pipeline: PipelineShape, path: str, collector: Collector, *, defaults: DefaultsShape) -> None:
    """Check the pipeline at *path*. Its id and its references in `depends_on` are checked with the file."""
    if not is_blank(pipeline.trigger) and pipeline.trigger not in TRIGGERS:
        collector.add(f"{path}.trigger", f"must be one of {','.join(TRIGGERS)}")
    for index, dependency in enumerate(pipeline.depends_on):
        if is_blank(dependency):
            collector.add(f"{path}.depends_on[{index}]", "must not be empty")
    if pipeline.on is not None:
        check_triggers(pipeline.on, f"{path}.on", pipeline, collector)
    check_inputs(pipeline.inputs, f"{path}.inputs", collector)
    check_priority(pipeline.priority, f"{path}.priority", collector)
    check_concurrency(pipeline.concurrency, f"{path}.concurrency", collector)
    check_shared_environment(pipeline.env, f"{path}.env", collector)
    if not pipeline.jobs:
        collector.add(f"{path}.jobs", "must contain at least one job")
    if pipeline.vcs_source is not None:
        _check_source(pipeline.vcs_source, f"{path}.vcs_source", collector)
    if pipeline.versioning is not None:
        if pipeline.vcs_source is None or is_blank(pipeline.vcs_source.repo):
            collector.add(f"{path}.vcs_source.repo", "is required when versioning is set")
        _check_versioning(pipeline.versioning, f"{path}.versioning", collector)
        _check_bumped_source(pipeline, path, collector)
    _check_jobs(pipeline, path, collector, defaults=defaults)
    _check_needs(pipeline, path, collector)


def _check_source(source: VcsSourceShape, path: str, collector: Collector) -> None:
    if is_blank(source.repo):
        collector.add(f"{path}.repo", "is required when vcs_source is set")
    faults = {
        "repo": repository_fault(source.repo.strip()),
        "ref": source.ref.strip() and ref_fault(source.ref.strip()),
    }
    for name, fault in faults.items():
        if fault:
            collector.add(f"{path}.{name}", fault)
    if not is_folder_below(source.path.strip()):
        collector.add(f"{path}.path", "must be a relative path below the directory of the job, such as src/app")
    if source.depth < 0:
        collector.add(f"{path}.depth", "must be >= 0; 0 is the whole history")
    if not is_blank(source.submodules) and source.submodules.strip() not in SUBMODULES:
        collector.add(f"{path}.submodules", f"must be one of {','.join(SUBMODULES)}")


def _check_bumped_source(pipeline: PipelineShape, path: str, collector: Collector) -> None:
    """Check that a checkout whose version is raised is where the commands for that run."""
    source, versioning = pipeline.vcs_source, pipeline.versioning
    if source is None or versioning is None or is_blank(versioning.auto_bump):
        return
    if source.path.strip() not in ("", "."):
        collector.add(f"{path}.vcs_source.path", "must be left out when versioning.auto_bump is set")


def _check_versioning(versioning: Versioning, path: str, collector: Collector) -> None:
    file = versioning.file.strip()
    if file.startswith(("/", "..")) or "../" in file:
        collector.add(f"{path}.file", "must be a relative in-repo path")
    bumps = not is_blank(versioning.auto_bump)
    if bumps and versioning.auto_bump.strip() not in BUMPS:
        collector.add(f"{path}.auto_bump", f"must be one of {','.join(BUMPS)}")
    has_token = not is_blank(versioning.auto_bump_vcs_token)
    if bumps and not has_token:
        collector.add(f"{path}.auto_bump_vcs_token", "is required when auto_bump is set")
    if has_token and not bumps:
        collector.add(f"{path}.auto_bump_vcs_token", "requires auto_bump to be set")
    _check_bump_vault(versioning, path, collector, has_token=has_token)


def _check_bump_vault(versioning: Versioning, path: str, collector: Collector, *, has_token: bool) -> None:
    vault = versioning.auto_bump_vault
    names = secret_names(versioning.auto_bump_vcs_token)
    if vault is None:
        return  # they are the server's own
    check_vault(vault, f"{path}.auto_bump_vault", collector)
    if not has_token:
        collector.add(f"{path}.auto_bump_vault", "requires auto_bump_vcs_token to be set")
    for name in undeclared(names, vault):
        problem = f"references secret {quote(name)} which is not declared in versioning.auto_bump_vault.secrets"
        collector.add(f"{path}.auto_bump_vcs_token", problem)


def _check_jobs(pipeline: PipelineShape, path: str, collector: Collector, *, defaults: DefaultsShape) -> None:
    seen: set[str] = set()
    for index, job in enumerate(pipeline.jobs):
        where = f"{path}.jobs[{index}]"
        check_id(job.id, f"{where}.id", seen, collector)
        check_job(job, where, collector, pipeline=pipeline, defaults=defaults)


def _check_needs(pipeline: PipelineShape, path: str, collector: Collector) -> None:
    known = {job.id for job in pipeline.jobs}
    for index, job in enumerate(pipeline.jobs):
        where = f"{path}.jobs[{index}].needs"
        for place, need in enumerate(job.needs):
            if not needed_job(need):
                _say_blank(need, f"{where}[{place}]", collector)
        needs = needed_jobs(job.needs)
        check_references(needs, where, collector, own=job.id, known=known, noun="job", skip_blank=True)
    if find_cycle((job.id, needed_jobs(job.needs)) for job in pipeline.jobs):
        collector.add(f"{path}.jobs", "contains cyclic needs graph")


def _say_blank(need: str | NeedShape, path: str, collector: Collector) -> None:
    if isinstance(need, str):
        collector.add(path, "must not be empty")
    else:
        collector.add(f"{path}.job", "is required")
