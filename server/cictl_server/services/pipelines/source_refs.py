"""The branches from which a pipeline can be run."""

from __future__ import annotations

import threading

from cictl.base.names.git_names import branch_of
from cictl.base.urls import without_login
from cictl.project_file import Pipeline
from cictl.wire.projects import SourceRef, SourceRefs
from cictl_server.errors import GitFailed, InvalidRequest
from cictl_server.services.pipelines.chains import chain_members
from cictl_server.services.projects.git import check_repository
from cictl_server.services.projects.lookup import get_chain, get_pipeline
from cictl_server.services.projects.remotes import Remotes
from cictl_server.store.contract import Store

_PREFIX = "refs/heads/"
_MOST_REMEMBERED = 64


class SourceRefService:
    """Asks the remote each time. If it can't be reached, its last answer and the refs of past runs have to do."""

    def __init__(self, *, store: Store, remotes: Remotes) -> None:
        self._store = store
        self._remotes = remotes
        self._last: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def of_pipeline(self, pipeline_db_id: int) -> SourceRefs:
        """Return the branches of a pipeline's repository; none if it has no repository.

        Raises:
            NotFound: No such pipeline.
            GitFailed: The remote can't be reached, and no branches are known from before.
        """
        with self._store.read() as view:
            record = get_pipeline(view, pipeline_db_id)
        return self._refs(record.project_id, record.definition)

    def of_chain(self, chain_db_id: int) -> SourceRefs:
        """Return the branches of the repository of a chain's first pipeline.

        Raises:
            NotFound: No such chain.
            InvalidRequest: The chain is empty or names a pipeline that is gone.
            GitFailed: As for a pipeline.
        """
        with self._store.read() as view:
            chain = get_chain(view, chain_db_id)
            first = chain_members(view, chain)[0].pipeline
        return self._refs(chain.project_id, first)

    def _refs(self, project_id: int, pipeline: Pipeline) -> SourceRefs:
        if pipeline.vcs_source is None:
            return SourceRefs(source_repo="", refs=[])
        repo = check_repository(pipeline.vcs_source.repo, field="vcs_source.repo")
        names = sorted(self._names(repo, project_id, pipeline), key=lambda name: (name.casefold(), name.encode()))
        if not names:
            raise InvalidRequest(f"no remote branches found in {without_login(repo)}")
        return SourceRefs(
            source_repo=without_login(repo),
            refs=[SourceRef(name=name, ref=_PREFIX + name) for name in names],
            default_ref=_PREFIX + _default(names, pipeline.vcs_source.ref.strip().removeprefix(_PREFIX)),
        )

    def _names(self, repo: str, project_id: int, pipeline: Pipeline) -> list[str]:
        try:
            names = self._remotes.list_branches(repo)
        except GitFailed as error:
            known = self._known(repo, project_id, pipeline)
            if not known:
                raise GitFailed(f"list source refs from {without_login(repo)}: {error}", hint=error.hint) from error
            return known
        with self._lock:
            self._last.pop(repo, None)
            while len(self._last) >= _MOST_REMEMBERED:
                del self._last[next(iter(self._last))]
            self._last[repo] = names
        return names

    def _known(self, repo: str, project_id: int, pipeline: Pipeline) -> list[str]:
        """Return the branches of the last answer, and those of past runs of the pipeline."""
        with self._lock:
            names = set(self._last.get(repo, ()))
        with self._store.read() as view:
            for job, _ in zip(view.jobs.of_pipeline(str(project_id), pipeline.id), range(500), strict=False):
                branch = branch_of(job.facts.pipeline_source_ref_raw)
                if branch and job.facts.pipeline_source_repo == repo:
                    names.add(branch)
        return list(names)


def _default(names: list[str], wanted: str) -> str:
    """Return the pipeline's own branch, else main, else master, else the first."""
    if wanted in names:
        return wanted
    folded = {name.casefold(): name for name in reversed(names)}
    return folded.get("main") or folded.get("master") or names[0]
