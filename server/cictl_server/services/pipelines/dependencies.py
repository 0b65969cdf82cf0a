"""What a pipeline inherits from the pipelines in its `depends_on`: their version, commit and artifacts.

Past runs are found by project id and pipeline id, never by the project's name: two imports of one repository have separate
histories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cictl.project_file import Pipeline
from cictl.wire.metadata import JobMetadata
from cictl_server.errors import InvalidRequest
from cictl_server.services.history.past_runs import PastRun, Unsatisfied, satisfying_run
from cictl_server.store.contract import View


class DependencyUnsatisfied(InvalidRequest):
    """What a pipeline depends on has no run that it could build on."""


class Inherited(msgspec.Struct, frozen=True, kw_only=True):
    """What the dependencies of a pipeline give it; empty where they give nothing.

    Attributes:
        repo, commit: The source of the dependencies, if all of them build one repository.
        runs: The run that satisfies each dependency, by pipeline id, in the order of the definition.
    """

    version_raw: str = ""
    version: str = ""
    repo: str = ""
    commit: str = ""
    runs: Mapping[str, PastRun] = msgspec.field(default_factory=dict)


def inherit(view: View, project_id: int, pipeline: Pipeline, *, for_dry_run: bool) -> Inherited:
    """Return what the dependencies of *pipeline* give it.

    Raises:
        DependencyUnsatisfied: A dependency is not satisfied.
        InvalidRequest: Two contradict each other.
    """
    known = {record.definition.id: record.definition for record in view.pipelines.of_project(project_id)}
    runs: dict[str, PastRun] = {}
    for name in pipeline.depends_on:
        try:
            runs[name] = satisfying_run(view, project_id, known.get(name), for_dry_run=for_dry_run)
        except Unsatisfied as reason:
            raise DependencyUnsatisfied(
                f'pipeline "{pipeline.id}" dependency "{name}" not satisfied: {reason}',
                hint=f"run {name} first, or wait for it",
            ) from reason
    return combine(runs)


def combine(runs: Mapping[str, PastRun]) -> Inherited:
    """Return what several runs give together.

    Raises:
        InvalidRequest: They have two versions, or two commits of one repository.
    """
    versions = {
        run.get(JobMetadata.pipeline_version) or run.get(JobMetadata.pipeline_version_raw): run for run in runs.values()
    }
    versions.pop("", None)
    if len(versions) > 1:
        first, second = list(versions)[:2]
        raise InvalidRequest(f'dependency versions conflict: "{first}" vs "{second}"')
    sources: dict[str, str] = {}
    for run in runs.values():
        repo, commit = run.get(JobMetadata.pipeline_source_repo), run.get(JobMetadata.pipeline_source_ref_resolved)
        if repo and commit and sources.setdefault(repo, commit) != commit:
            raise InvalidRequest(f'dependency source refs conflict: "{sources[repo]}" vs "{commit}"')
    version_run = next(iter(versions.values()), None)
    repo, commit = next(iter(sources.items())) if len(sources) == 1 else ("", "")
    return Inherited(
        version_raw=version_run.get(JobMetadata.pipeline_version_raw) if version_run else "",
        version=version_run.get(JobMetadata.pipeline_version) if version_run else "",
        repo=repo,
        commit=commit,
        runs=dict(runs),
    )


def other_commits(inherited: Inherited, repo: str, commit: str) -> Iterator[tuple[str, str]]:
    """Yield each dependency whose run built another commit of *repo* than *commit*, and that commit."""
    for name, run in inherited.runs.items():
        built = run.get(JobMetadata.pipeline_source_ref_resolved)
        if built and built != commit and run.get(JobMetadata.pipeline_source_repo) == repo:
            yield name, built


def declared_dependencies(pipeline: Pipeline, members: list[str]) -> list[str]:
    """Return the dependencies of *pipeline* that are members of its chain, each once, in the order of the definition."""
    return [name for name in dict.fromkeys(pipeline.depends_on) if name in members]
