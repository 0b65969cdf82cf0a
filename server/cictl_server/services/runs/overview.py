"""How all pipelines stand, for the page that is looked at first: their last results, and what runs and waits now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from statistics import median

from cictl.base.names.git_names import branch_of
from cictl.wire.jobs import JobStatus
from cictl.wire.runs import Run, RunStatus
from cictl_server.services.jobs.views import holds_of
from cictl_server.services.policies import Policies
from cictl_server.services.policies.job_rules import JobRules
from cictl_server.services.runs.views import run_view
from cictl_server.store.contract import RunFilter, Store, View
from cictl_server.store.records import ChainRecord, PipelineRecord, ProjectRecord
from cictl_server.store.run_records import RunRecord

Sees = Callable[[ProjectRecord], bool]
"""Tells whether a project is shown."""

LAST_RESULTS = 20
"""How many runs the strip of a pipeline has."""
_MOST_ACTIVE = 5
"""How many runs of a pipeline are told that are not over; the rest is counted."""
_COUNTED = 200
_ACTIVE = frozenset(status for status in RunStatus if not status.is_terminal)


@dataclass(frozen=True, kw_only=True)
class ActiveRun:
    """A run that is not over.

    Attributes:
        why: Why its first job waits that is not given out; empty if an agent may take each one.
    """

    run: Run
    why: str


@dataclass(frozen=True, kw_only=True)
class PipelineOverview:
    """How one pipeline or chain stands.

    Attributes:
        id: Its number in the store; `name` is its id in the file.
        branch: Whose runs `last` has: the one that it builds when nobody says another; empty for all branches.
        last: Runs that are over, the newest first, at most `LAST_RESULTS`.
        active: Runs that are not over, on whatever branch, the newest first, at most five of `active_count`.
        typical: The median of what those of `last` took that succeeded; None if none did.
    """

    id: int
    name: str
    is_chain: bool
    branch: str
    last: list[Run]
    active: list[ActiveRun]
    active_count: int
    typical: timedelta | None

    @property
    def state(self) -> str:
        """The result of the newest run that is over; empty if there is none."""
        return self.last[0].status.value if self.last else ""


@dataclass(frozen=True, kw_only=True)
class ProjectOverview:
    """The pipelines of one project, then its chains."""

    id: int
    name: str
    pipelines: list[PipelineOverview]


@dataclass(frozen=True, kw_only=True)
class OverviewService:
    store: Store
    policies: Policies

    def get(self, *, sees: Sees) -> list[ProjectOverview]:
        """Return how the pipelines of all projects stand that *sees* shows, by name."""
        with self.store.read() as view:
            rules = self.policies.of_jobs(view)
            projects = sorted(filter(sees, view.projects.iter_all()), key=lambda p: (p.name.casefold(), p.id))
            return [_of_project(view, project, rules) for project in projects]


def _of_project(view: View, project: ProjectRecord, rules: JobRules) -> ProjectOverview:
    pipelines = view.pipelines.of_project(project.id)
    branches = {record.definition.id: _branch(record) for record in pipelines}
    of_pipelines = [
        _overview(view, project, record.id, record.definition.id, branches[record.definition.id], rules)
        for record in pipelines
    ]
    of_chains = [
        _overview(view, project, chain.id, chain.chain_id, _branch_of_chain(chain, branches), rules, is_chain=True)
        for chain in view.chains.of_project(project.id)
        if chain.chain_id not in branches
    ]
    return ProjectOverview(id=project.id, name=project.name, pipelines=[*of_pipelines, *of_chains])


def _branch(record: PipelineRecord) -> str:
    source = record.definition.vcs_source
    return branch_of(source.ref) if source else ""


def _branch_of_chain(chain: ChainRecord, branches: dict[str, str]) -> str:
    return branches.get(chain.pipelines[0], "") if chain.pipelines else ""


def _overview(
    view: View, project: ProjectRecord, id_: int, name: str, branch: str, rules: JobRules, *, is_chain: bool = False
) -> PipelineOverview:
    def runs(**more: object) -> Iterable[RunRecord]:
        where = RunFilter(project=project.name, pipeline=name, **more)  # type: ignore[arg-type]
        return (run for run in view.runs.newest_first(where) if run.project_id in ("", str(project.id)))

    over = frozenset(RunStatus) - _ACTIVE
    last = list(islice(runs(branch=branch, statuses=over), LAST_RESULTS)) if branch else []
    if not last:
        branch, last = "", list(islice(runs(statuses=over), LAST_RESULTS))
    active = list(islice(runs(statuses=_ACTIVE), _COUNTED))
    return PipelineOverview(
        id=id_,
        name=name,
        is_chain=is_chain,
        branch=branch,
        last=list(map(run_view, last)),
        active=[_active(view, run, rules) for run in active[:_MOST_ACTIVE]],
        active_count=len(active),
        typical=_typical(last),
    )


def _active(view: View, run: RunRecord, rules: JobRules) -> ActiveRun:
    waiting = (job for job in view.jobs.of_run_number(str(run.number)) if job.status is JobStatus.QUEUED)
    return ActiveRun(run=run_view(run), why=next(iter(holds_of(islice(waiting, 10), rules).values()), ""))


def _typical(runs: Iterable[RunRecord]) -> timedelta | None:
    took = [
        run.finished - run.started
        for run in runs
        if run.status is RunStatus.SUCCEEDED and run.started is not None and run.finished is not None
    ]
    return timedelta(seconds=median(length.total_seconds() for length in took)) if took else None
