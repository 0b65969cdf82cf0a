"""The lists of job executions: plain, filtered, paged and summarised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import msgspec
from msgspec.structs import replace

from cictl.wire.jobs import JobExecution, JobStatus, is_cancellation
from cictl.wire.waiting.queue import JobGroup, JobList, JobPage, JobSummary
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.core.ids import job_number
from cictl_server.services.core.names import find_project_called
from cictl_server.services.fleet.matching import Matching
from cictl_server.services.history.lookup import jobs_of_run
from cictl_server.services.jobs.views import holds_of, listed_view
from cictl_server.services.policies import Policies
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions a list shows; an empty field means any.

    Attributes:
        statuses: Any of the five, `active` (queued, leased, running), `finished`, and `cancelled`, which are some of the
            failed ones.
        project: Name or id of the project.
        pipeline: Id of the pipeline in its file.
        run: A `pipeline_run_id`, a `chain_run_id` or a `run_number`.
        cursor: The `next_cursor` of an earlier list: continue below it. The other fields must be those of that list.
    """

    statuses: tuple[str, ...] = ()
    project: str = ""
    pipeline: str = ""
    agent: str = ""
    run: str = ""
    cursor: str = ""
    split_runs: bool = False
    """Whether a list without any filter may end within a run, as all others may."""

    @property
    def is_empty(self) -> bool:
        return replace(self, cursor="") == JobFilter()


Sees = Callable[[JobRecord], bool]
"""Tells whether an execution is shown."""


def _everything(_job: JobRecord) -> bool:
    return True


_AHEAD = 20
"""For so many executions a list looks their runs up together."""

_CANCELLED = "cancelled"
_FINISHED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})
_STATUSES = {
    "active": frozenset(JobStatus) - _FINISHED,
    "finished": _FINISHED,
    _CANCELLED: frozenset({JobStatus.FAILED}),
    **{status.value: frozenset({status}) for status in JobStatus},
}


class JobListService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    matching: Matching
    policies: Policies

    def list_jobs(self, where: JobFilter, *, limit: int, sees: Sees = _everything) -> JobList:
        """Return executions, newest first, at most *limit*.

        Without a filter, a run is never split: one that does not fit goes whole to the next list, unless it is the
        newest of this list. Following `next_cursor` shows every execution that existed when the first list was made
        exactly once, whatever is added meanwhile.

        Raises:
            InvalidRequest: An unknown status, or a cursor that no list gave.
            Conflict: Several projects bear the name.
        """
        with self.store.read() as view:
            if where.project:
                find_project_called(view, where.project)  # refuses a name that would mix the jobs of several
            if where.is_empty:
                window = _Window.of(where.cursor, view)
                jobs, following = _capped(view, limit, sees, window)
            else:
                found = (job for job in _matching(view, where) if sees(job))
                jobs = list(islice(found, limit))
                following = jobs[-1].id if next(found, None) is not None else ""
        return JobList(job_executions=self._views(jobs), next_cursor=following)

    def page(self, view_name: str, *, limit: int, offset: int, page_size: int, sees: Sees = _everything) -> JobPage:
        """Return one page of the queue or the history, counted within the newest *limit* executions."""
        is_wanted = _kind(view_name)
        with self.store.read() as view:
            jobs = [job for job in _capped(view, limit, sees)[0] if is_wanted(job)]
        return JobPage(
            view=view_name,
            total=len(jobs),
            offset=offset,
            limit=page_size,
            job_executions=self._views(jobs[offset : offset + page_size]),
        )

    def summary(self, *, limit: int, sees: Sees = _everything) -> JobSummary:
        """Return the groups of the queue and of the history within the newest *limit* executions."""
        with self.store.read() as view:
            jobs, _ = _capped(view, limit, sees)
        queued = [job for job in jobs if not job.status.is_terminal]
        history = [job for job in jobs if job.status.is_terminal]
        queued_groups, history_groups = _groups(queued), _groups(history)
        return JobSummary(
            view="summary",
            max=limit,
            total=len(jobs),
            queued_count=len(queued),
            history_count=len(history),
            queued_group_count=len(queued_groups),
            history_group_count=len(history_groups),
            queued_groups=queued_groups or None,
            history_groups=history_groups or None,
        )

    def _views(self, jobs: list[JobRecord]) -> list[JobExecution]:
        candidates = self.matching.candidates()
        with self.store.read() as view:
            holds = holds_of(jobs, self.policies.of_jobs(view))
        return [listed_view(job, candidates=candidates, holds=holds) for job in jobs]


class _Window(msgspec.Struct, frozen=True):
    """Where an unfiltered list begins.

    An entry (a run, or an execution without one) stands where its newest execution stands. A rerun adds a newer one and
    would move its run up, past a reader who is paging down and would never see it. So the cursor carries two numbers, and
    executions newer than `newest` move nothing.

    Attributes:
        before: Earlier lists showed the entries whose newest execution has this number or a higher one.
        newest: The highest number when the first list was made.
    """

    before: int
    newest: int

    @classmethod
    def of(cls, cursor: str, view: View) -> _Window:
        if not cursor:
            last = view.jobs.last_number()
            return cls(before=last + 1, newest=last)
        before, _, newest = cursor.partition("~")
        return cls(before=_cursor_number(before), newest=_cursor_number(newest))

    def cursor(self, last: int) -> str:
        """Return the cursor of the list that continues below the entry whose newest execution is *last*."""
        return f"job-{last}~job-{self.newest}"


def _kind(view_name: str) -> Callable[[JobRecord], bool]:
    is_history = view_name == "history"
    return lambda job: job.status.is_terminal is is_history


def _matching(view: View, where: JobFilter) -> Iterator[JobRecord]:
    before = _cursor_number(where.cursor) if where.cursor else None
    statuses = _wire_statuses(where)
    if where.run:
        run = jobs_of_run(view.jobs, where.run)
        jobs: Iterator[JobRecord] = (
            j for j in reversed(run) if (before is None or j.number < before) and j.status in statuses
        )
    else:
        jobs = view.jobs.newest_first(before=before, statuses=statuses if where.statuses else None)
    return (job for job in jobs if _matches(job, where))


def _wire_statuses(where: JobFilter) -> frozenset[JobStatus]:
    """Return the statuses that are wanted, all without a filter of them."""
    for status in where.statuses:
        if status not in _STATUSES:
            raise InvalidRequest(f'status "{status}" is unknown', hint="one of: " + ", ".join(_STATUSES))
    return frozenset[JobStatus]().union(*map(_STATUSES.__getitem__, where.statuses)) or frozenset(JobStatus)


def _cursor_number(cursor: str) -> int:
    try:
        return job_number(cursor)
    except NotFound:
        raise InvalidRequest("invalid cursor", hint="use the next_cursor of the list before") from None


def _matches(job: JobRecord, where: JobFilter) -> bool:
    facts = job.facts
    return (
        where.project in ("", facts.project, facts.project_id)
        and where.pipeline in ("", facts.pipeline_id)
        and where.agent in ("", job.agent_id)
        and (_CANCELLED not in where.statuses or _has_status(job, where.statuses))
    )


def _has_status(job: JobRecord, statuses: tuple[str, ...]) -> bool:
    """Tell whether *job* has one of *statuses*; `cancelled` narrows what `failed` finds only where `failed` is not wanted."""
    plain = (status for status in statuses if status != _CANCELLED)
    return any(job.status in _STATUSES[status] for status in plain) or is_cancellation(job.cause, job.error)


def _capped(view: View, limit: int, sees: Sees, window: _Window | None = None) -> tuple[list[JobRecord], str]:
    """Return the window's newest executions, newest first and runs whole, and the cursor of the next list."""
    window = window or _Window.of("", view)
    taken: dict[int, JobRecord] = {}
    last: int | None = None
    following = ""
    for entry, members in _entries(view, window, sees):
        if last is not None and len(taken) + len(members) > limit:
            following = window.cursor(last)
            break
        taken.update((member.number, member) for member in members)
        last = entry
    return [taken[number] for number in sorted(taken, reverse=True)], following


def _entries(view: View, window: _Window, sees: Sees) -> Iterator[tuple[int, list[JobRecord]]]:
    """Yield each run, and each execution without one, with the number of its newest execution, the highest first."""
    groups: set[str] = set()
    seen = (job for job in view.jobs.newest_first(before=window.before) if sees(job))
    for job in _with_runs_foreseen(view, seen):
        group = _group(job)
        if not group:
            yield job.number, [job]
        elif group not in groups:
            groups.add(group)
            members = [j for j in view.jobs.of_run(job.facts.pipeline_run_id) if _group(j) == group]
            # Members that existed at the first list and lie above the window: an earlier list showed this run.
            if not any(window.before <= member.number <= window.newest for member in members):
                yield job.number, members


def _with_runs_foreseen(view: View, jobs: Iterator[JobRecord]) -> Iterator[JobRecord]:
    """Yield *jobs*, and look their runs up together, a few ahead: more of them may never be asked for."""
    known = {""}
    while some := list(islice(jobs, _AHEAD)):
        runs = {job.facts.pipeline_run_id for job in some} - known
        known |= runs
        view.foresee(*(partial(_look_at_run, run=run) for run in sorted(runs)))
        yield from some


def _look_at_run(view: View, *, run: str) -> None:
    view.jobs.of_run(run)


def _group(job: JobRecord) -> str:
    """Return the contract's key of the run that *job* belongs to, empty for none."""
    facts = job.facts
    if not facts.pipeline_run_id:
        return ""
    return f"{facts.pipeline_run_id}|{facts.project_id or facts.project}|{facts.pipeline_id}"


def _groups(jobs: list[JobRecord]) -> list[JobGroup]:
    members: dict[str, list[JobRecord]] = {}
    for job in jobs:
        members.setdefault(_group(job) or f"job:{job.id}", []).append(job)
    return [_job_group(key, group) for key, group in members.items()]


def _job_group(key: str, members: list[JobRecord]) -> JobGroup:
    if len(members) == 1:
        return JobGroup(key=f"job:{members[0].id}", job_count=1, collapsible=False, started_by=members[0].started_by)
    first = min(members, key=lambda job: job.number)
    return JobGroup(key=f"run:{key}", run_id=key, job_count=len(members), collapsible=True, started_by=first.started_by)
