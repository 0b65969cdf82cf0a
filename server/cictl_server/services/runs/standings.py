"""How pipelines and chains stand, as badges and build monitors show it: by the last result of a branch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from cictl.base.names.git_names import branch_of
from cictl.wire.runs import RunStatus
from cictl_server.errors import NotFound
from cictl_server.services.history.results.branches import newest_with_result
from cictl_server.store.contract import Store, View
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.tables import RunFilter

Sees = Callable[[ProjectRecord], bool]
"""Tells whether a project is shown."""

_ACTIVE = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a pipeline or a chain stands.

    Attributes:
        pipeline: Its id in the file.
        result: The last one; None without any.
        run: The number of the run with that result; 0 without one.
        changed: When that run ended; without one, when the project was loaded.
        is_active: A run of it waits or runs now.
        is_public: Whoever asks may see it.
    """

    project_id: int
    project: str
    pipeline: str
    result: RunStatus | None
    run: int
    changed: datetime
    is_active: bool
    is_public: bool


class _Place(msgspec.Struct, frozen=True):
    """A pipeline or a chain, and the branch that it builds when nobody says another one; empty if that is none."""

    pipeline: str
    branch: str


class StandingService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def get(self, project: str, pipeline: str, *, branch: str, sees: Sees) -> Standing:
        """Return how one pipeline or chain stands.

        Args:
            project: Name or id.
            branch: Its runs alone count; empty for the branch that the pipeline builds by itself.

        Raises:
            NotFound: There is no such pipeline, or none that *sees* shows. The text does not tell which.
        """
        with self.store.read() as view:
            called = [p for p in view.projects.iter_all() if project in (p.name, str(p.id)) and sees(p)]
            places = _places(view, called[0]) if len(called) == 1 else []
            found = next((place for place in places if place.pipeline == pipeline), None)
            if found is None:
                raise NotFound(
                    "badge", hint="its address has the name or the id of a project, and the id of a pipeline"
                )
            return _standing(view, called[0], pipeline, branch or found.branch)

    def list_all(self, *, sees: Sees) -> list[Standing]:
        """Return how all pipelines and chains of the projects stand that *sees* shows, by name."""
        with self.store.read() as view:
            projects = sorted(filter(sees, view.projects.iter_all()), key=lambda p: (p.name, p.id))
            return [
                _standing(view, project, place.pipeline, place.branch)
                for project in projects
                for place in _places(view, project)
            ]


def _places(view: View, project: ProjectRecord) -> list[_Place]:
    """Return the pipelines of *project*, then its chains, each of which builds what its first pipeline does."""
    pipelines = {record.definition.id: record.definition.vcs_source for record in view.pipelines.of_project(project.id)}
    branches = {id_: branch_of(source.ref) if source else "" for id_, source in pipelines.items()}
    chains = [
        _Place(chain.chain_id, branches.get(chain.pipelines[0], "") if chain.pipelines else "")
        for chain in view.chains.of_project(project.id)
        if chain.chain_id not in pipelines
    ]
    return [*(_Place(id_, branch) for id_, branch in branches.items()), *chains]


def _standing(view: View, project: ProjectRecord, pipeline: str, branch: str) -> Standing:
    where = RunFilter(project=project.name, pipeline=pipeline, branch=branch)
    active = RunFilter(project=project.name, pipeline=pipeline, branch=branch, statuses=_ACTIVE)
    last = newest_with_result(view, where, takes=lambda run: run.project_id == str(project.id))
    return Standing(
        project_id=project.id,
        project=project.name,
        pipeline=pipeline,
        result=last.last_result if last else None,
        run=last.number if last else 0,
        changed=(last.finished or last.created) if last else project.updated,
        is_active=any(run.project_id == str(project.id) for run in view.runs.newest_first(active)),
        is_public=project.public_badges,
    )
