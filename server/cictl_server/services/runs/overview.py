"""How all pipelines stand, for the page that is looked at first: their last results, and what runs and waits now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice

import msgspec

from cictl.base.names.git_names import branch_of
from cictl.wire.runs import Run, RunStatus
from cictl_server.services.jobs.views import holds_of
from cictl_server.services.policies import Policies
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.services.runs.views import run_view
from cictl_server.store.contract import Store, View
from cictl_server.store.records.projects import PipelineRecord, ProjectRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter

Sees = Callable[[ProjectRecord], bool]
"""Tells whether a project is shown."""

LAST_RESULTS = 20
"""How many runs the strip of a pipeline has."""
_MOST_ACTIVE = 3
"""How many runs of a pipeline are told that are not over; the rest is counted."""
_COUNTED = 200
_LOOKED_AT = 3
"""Of so many jobs of a run that waits it is looked up why: the first ones wait for nothing else."""
_OVER = frozenset(status for status in RunStatus if status.is_terminal)
_ACTIVE = frozenset(RunStatus) - _OVER


class ActiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is not over.

    Attributes:
        why: Why nothing of it has begun, as its first job that is not given out has it; empty if an agent may take each one, or has.
    """

    run: Run
    why: str


class Result(msgspec.Struct, frozen=True):
    """How one run ended, and how many seconds it took; None if nothing of it began."""

    status: str
    seconds: float | None

    @classmethod
    def of(cls, run: RunRecord) -> Result:
        if run.started is None or run.finished is None:
            return cls(run.status.value, None)
        return cls(run.status.value, (run.finished - run.started).total_seconds())


class PipelineOverview(msgspec.Struct, frozen=True, kw_only=True):
    """How one pipeline or chain stands.

    Attributes:
        id: Its number in the store; `name` is its id in the file.
        branch: Whose runs `last` has: the one that it builds when nobody says another; empty for all branches.
        newest: The newest run that is over; None if there is none.
        last: How the runs ended that are over, the newest first, at most `LAST_RESULTS`.
        active: Runs that are not over, on whatever branch, the newest first, at most three of `active_count`.
        needs_input: Nobody can start it without saying the value of an input.
        typical: The median of what those of `last` took that succeeded; None if none did.
    """

    id: int
    name: str
    is_chain: bool
    branch: str
    newest: Run | None
    last: list[Result]
    active: list[ActiveRun]
    active_count: int
    typical: timedelta | None
    needs_input: bool = False


class ProjectOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The pipelines of one project, then its chains."""

    id: int
    name: str
    pipelines: list[PipelineOverview]


class ProjectNames(msgspec.Struct, frozen=True, kw_only=True):
    """A project, and what its pipelines and chains are called."""

    id: int
    name: str
    pipelines: list[str]


class OverviewService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    policies: Policies

    def get(self, *, sees: Sees) -> list[ProjectOverview]:
        """Return how the pipelines of all projects stand that *sees* shows, by name."""
        with self.store.read() as view:
            rules = self.policies.of_jobs(view)
            places = _places(view)
            return [
                ProjectOverview(
                    id=project.id,
                    name=project.name,
                    pipelines=[_overview(view, project, place, rules) for place in places[project.id]],
                )
                for project in _sorted(filter(sees, view.projects.iter_all()))
            ]

    def names(self, *, sees: Sees) -> list[ProjectNames]:
        """Return what the projects that *sees* shows and their pipelines are called, by name."""
        with self.store.read() as view:
            places = _places(view)
            return [
                ProjectNames(id=p.id, name=p.name, pipelines=[place.name for place in places[p.id]])
                for p in _sorted(filter(sees, view.projects.iter_all()))
            ]

    def agent_ids(self) -> list[str]:
        """Return the ids of all agents."""
        with self.store.read() as view:
            return sorted(agent.agent_id for agent in view.agents.iter_all())


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline or a chain in the store, and the branch that it builds when nobody says another one."""

    id: int
    name: str
    branch: str
    is_chain: bool = False
    needs_input: bool = False


def _sorted(projects: Iterable[ProjectRecord]) -> list[ProjectRecord]:
    return sorted(projects, key=lambda project: (project.name.casefold(), project.id))


def _places(view: View) -> defaultdict[int, list[_Place]]:
    """Return the pipelines and then the chains of all projects, by the id of the project; a chain builds what its first pipeline does."""
    found: defaultdict[int, list[_Place]] = defaultdict(list)
    for record in sorted(view.pipelines.iter_all(), key=lambda one: one.id):
        found[record.project_id].append(_of_pipeline(record))
    branches = {(project_id, place.name): place.branch for project_id, places in found.items() for place in places}
    for chain in sorted(view.chains.iter_all(), key=lambda one: one.id):
        if (chain.project_id, chain.chain_id) not in branches:
            branch = branches.get((chain.project_id, chain.pipelines[0]), "") if chain.pipelines else ""
            found[chain.project_id].append(_Place(id=chain.id, name=chain.chain_id, branch=branch, is_chain=True))
    return found


def _of_pipeline(record: PipelineRecord) -> _Place:
    definition = record.definition
    return _Place(
        id=record.id,
        name=definition.id,
        branch=branch_of(definition.vcs_source.ref) if definition.vcs_source else "",
        needs_input=any(one.required and one.default is None for one in definition.inputs.values()),
    )


def _overview(view: View, project: ProjectRecord, place: _Place, rules: JobRules) -> PipelineOverview:
    def runs(branch: str, statuses: frozenset[RunStatus]) -> Iterable[RunRecord]:
        where = RunFilter(project=project.name, pipeline=place.name, branch=branch, statuses=statuses)
        return (run for run in view.runs.newest_first(where) if run.project_id in ("", str(project.id)))

    branch = place.branch
    last = list(islice(runs(branch, _OVER), LAST_RESULTS))
    if branch and not last:
        branch, last = "", list(islice(runs("", _OVER), LAST_RESULTS))
    results = list(map(Result.of, last))
    active = list(islice(runs("", _ACTIVE), _COUNTED))
    return PipelineOverview(
        id=place.id,
        name=place.name,
        is_chain=place.is_chain,
        branch=branch,
        newest=run_view(last[0]) if last else None,
        last=results,
        active=[_active(view, run, rules, is_chain=place.is_chain) for run in active[:_MOST_ACTIVE]],
        active_count=len(active),
        typical=_typical(results),
        needs_input=place.needs_input,
    )


def _active(view: View, run: RunRecord, rules: JobRules, *, is_chain: bool) -> ActiveRun:
    return ActiveRun(run=run_view(run), why=_why(view, run, rules, is_chain=is_chain))


def _why(view: View, run: RunRecord, rules: JobRules, *, is_chain: bool) -> str:
    """Return why nothing of *run* has begun; empty if something has, or if agents may take its first jobs."""
    if run.status is not RunStatus.QUEUED:
        return ""
    unfinished = view.jobs.unfinished_of_chain_run if is_chain else view.jobs.unfinished_of_run
    return next(iter(holds_of(islice(unfinished(run.run_id), _LOOKED_AT), rules).values()), "")


def _typical(runs: Iterable[Result]) -> timedelta | None:
    took = [run.seconds for run in runs if run.status == RunStatus.SUCCEEDED and run.seconds is not None]
    if not took:
        return None
    from statistics import median

    return timedelta(seconds=median(took))
