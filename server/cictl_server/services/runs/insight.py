"""What runs tell when they are looked at together: how long they take, how often they succeed, how much agents work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice, takewhile
from math import ceil
from typing import NamedTuple

import msgspec

from cictl.base.clock import Clock
from cictl.wire.insight import AgentLoad, EndedRun, Insight, RunFigures
from cictl.wire.runs import RunStatus
from cictl_server.services.core.names import find_scope
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.tables import RunFilter

MOST_RUNS = 500
"""How many runs are looked at, the newest ones."""
MOST_JOBS = 1000
"""How many executions the load of agents is told from, the newest ones."""
LOAD_HOURS = 24

_HOUR = timedelta(hours=1)
_LONGEST = timedelta(days=1)
"""How long before the hours of the load an execution may have been asked for that worked in them."""
_OVER = frozenset(status for status in RunStatus if status.is_terminal)

_KEPT = timedelta(minutes=1)
"""For how long the load is told from the same look at executions, of which there may be many."""

Sees = Callable[[str], bool]
"""Tells whether the runs of a project, by its name, are shown; an empty name stands for those of none."""


class InsightService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    clock: Clock

    _work: _WorkMemo = msgspec.field(default_factory=lambda: _WorkMemo())

    def look(self, *, project: str = "", pipeline: str = "", sees: Sees = lambda _: True) -> Insight:
        """Return what the newest runs tell. The load of agents may be that of a minute ago.

        Args:
            project: Name or id of a project; empty for all.
            pipeline: Id of a pipeline or chain of it; empty for all.

        Raises:
            InvalidRequest: A pipeline without its project.
            Conflict: Several projects bear the name.
        """
        now = self.clock()
        with self.store.read() as view:
            runs, is_all = _runs(view, project, pipeline, limit=MOST_RUNS, sees=sees)
            work = self._work.of(view, now)
            agents = {record.agent_id: max(record.slots, 1) for record in view.agents.iter_all()}
        return Insight(
            pipelines=_figures(runs, lambda run: run.pipeline),
            branches=_figures(runs, lambda run: run.branch),
            is_all=is_all,
            load=_load(work, agents, sees),
            is_all_load=work.is_all,
        )

    def branches(self, project_id: int, *, limit: int) -> list[RunFigures]:
        """Return how the newest *limit* runs of a project went, by branch."""
        with self.store.read() as view:
            runs, _ = _runs(view, str(project_id), "", limit=limit, sees=lambda _: True)
        return _figures(runs, lambda run: run.branch)


def _runs(view: View, project: str, pipeline: str, *, limit: int, sees: Sees) -> tuple[list[RunRecord], bool]:
    """Return runs that are over, newest first, and whether there are no others. Errors are those of `find_scope`."""
    name, project_id = find_scope(view, project=project, pipeline=pipeline)
    where = RunFilter(project=name, pipeline=pipeline, statuses=_OVER)
    newest = list(islice(view.runs.newest_first(where), limit + 1))
    found = [
        run for run in newest[:limit] if sees(run.project) and run.project_id in ("", project_id or run.project_id)
    ]
    return found, len(newest) <= limit


def _figures(runs: list[RunRecord], name: Callable[[RunRecord], str]) -> list[RunFigures]:
    """Return *runs*, newest first, by what *name* tells, without those that it tells nothing of."""
    groups: dict[tuple[str, str, str], list[EndedRun]] = {}
    for run in reversed(runs):
        if run.project and name(run):
            groups.setdefault((run.project, run.project_id, name(run)), []).append(_ended(run))
    return [_told(project, project_id, what, ended) for (project, project_id, what), ended in sorted(groups.items())]


def _told(project: str, project_id: str, name: str, runs: list[EndedRun]) -> RunFigures:
    from statistics import median  # which a server loads for this alone

    counts = Counter(run.status for run in runs)
    good, bad = counts[RunStatus.SUCCEEDED], counts[RunStatus.FAILED]
    return RunFigures(
        project=project,
        project_id=project_id,
        name=name,
        succeeded=good,
        failed=bad,
        cancelled=counts[RunStatus.CANCELLED],
        runs=runs,
        success_rate=good / (good + bad) if good + bad else None,
        median_seconds=median(run.seconds for run in runs if run.status is RunStatus.SUCCEEDED) if good else None,
    )


def _ended(run: RunRecord) -> EndedRun:
    finished = run.finished or run.created
    seconds = (finished - run.started).total_seconds() if run.started else 0.0
    return EndedRun(
        number=run.number, status=run.status, seconds=max(seconds, 0.0), finished_utc=finished, branch=run.branch
    )


class _Piece(NamedTuple):
    """The time for which an agent worked on one execution, in hours since the first of those that are told."""

    agent_id: str
    project: str
    begin: float
    end: float


class _Work(msgspec.Struct, frozen=True):
    """What agents did until *now*, of as many executions as are looked at."""

    now: datetime
    pieces: list[_Piece]
    is_all: bool


class _WorkMemo:
    """The last look at what agents did."""

    def __init__(self) -> None:
        self._last: _Work | None = None

    def of(self, view: View, now: datetime) -> _Work:
        """Return what agents did, as of *now* or of up to a minute before."""
        last = self._last
        if last is None or not timedelta() <= now - last.now < _KEPT:
            self._last = last = _worked(view, now)
        return last


def _worked(view: View, now: datetime) -> _Work:
    start = now - LOAD_HOURS * _HOUR
    since = start - _LONGEST
    recent = list(islice(takewhile(lambda job: job.created >= since, view.jobs.newest_first()), MOST_JOBS + 1))
    pieces = [_piece(job, job.started, start, now) for job in recent[:MOST_JOBS] if job.started and job.agent_id]
    return _Work(now, [piece for piece in pieces if piece.end > 0], len(recent) <= MOST_JOBS)


def _piece(job: JobRecord, begun: datetime, start: datetime, now: datetime) -> _Piece:
    begin, end = ((moment - start) / _HOUR for moment in (begun, job.finished or now))
    return _Piece(job.agent_id, job.facts.project, max(begin, 0.0), end)


def _load(work: _Work, slots: Mapping[str, int], sees: Sees) -> list[AgentLoad]:
    """Return the load of the agents in *slots*, which has how many each has, by id."""
    hours = {agent_id: [0.0] * LOAD_HOURS for agent_id in slots}
    jobs: Counter[str] = Counter()
    for piece in work.pieces:
        if piece.agent_id in hours and sees(piece.project):
            jobs[piece.agent_id] += 1
            _add(hours[piece.agent_id], piece)
    return [
        AgentLoad(
            agent_id=agent_id,
            slots=slots[agent_id],
            hours=[min(share / slots[agent_id], 1.0) for share in busy],
            jobs=jobs[agent_id],
            busy_seconds=round(sum(busy) * _HOUR.total_seconds(), 3),
        )
        for agent_id, busy in sorted(hours.items())
    ]


def _add(busy: list[float], piece: _Piece) -> None:
    """Add a piece of work to the hours of its agent."""
    for hour in range(int(piece.begin), min(ceil(piece.end), LOAD_HOURS)):
        busy[hour] += min(piece.end, hour + 1) - max(piece.begin, hour)
