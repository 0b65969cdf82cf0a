"""The lists of job executions: plain, filtered, paged and summarised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from cictl.wire.jobs import JobExecution, JobGroup, JobList, JobPage, JobStatus, JobSummary
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.fleet import Fleet
from cictl_server.services.ids import job_number
from cictl_server.services.views import job_view
from cictl_server.store.contract import Store, View
from cictl_server.store.records import JobRecord


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which executions a list shows; an empty field means any.

    Attributes:
        status: One of the five, or `active` (queued, leased, running), or `finished`.
        project: Name or id of the project.
        pipeline: Id of the pipeline in its file.
        run: A `pipeline_run_id`.
        cursor: Show what is older than the list that gave it.
    """

    status: str = ""
    project: str = ""
    pipeline: str = ""
    agent: str = ""
    run: str = ""
    cursor: str = ""

    @property
    def is_empty(self) -> bool:
        return self == JobFilter()


_FINISHED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED})
_STATUSES = {
    "": None,
    "active": frozenset(JobStatus) - _FINISHED,
    "finished": _FINISHED,
    **{status.value: frozenset({status}) for status in JobStatus},
}


class JobListService:
    def __init__(self, *, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def list_jobs(self, where: JobFilter, *, limit: int) -> JobList:
        """Return executions, newest first, at most *limit*.

        Without a filter, the executions of a run are never separated: a run that does not fit is left out whole, unless
        it is the newest. With one, `next_cursor` tells where the list goes on.

        Raises:
            InvalidRequest: An unknown status, or a cursor that no list gave.
        """
        with self._store.read() as view:
            if where.is_empty:
                jobs, has_more = _capped(view, limit), False
            else:
                found = _matching(view, where)
                jobs = list(islice(found, limit))
                has_more = next(found, None) is not None
        return JobList(job_executions=self._views(jobs), next_cursor=jobs[-1].id if has_more else "")

    def page(self, view_name: str, *, limit: int, offset: int, page_size: int) -> JobPage:
        """Return one page of the queue or the history, counted within the newest *limit* executions."""
        is_wanted = _kind(view_name)
        with self._store.read() as view:
            jobs = [job for job in _capped(view, limit) if is_wanted(job)]
        return JobPage(
            view=view_name,
            total=len(jobs),
            offset=offset,
            limit=page_size,
            job_executions=self._views(jobs[offset : offset + page_size]),
        )

    def summary(self, *, limit: int) -> JobSummary:
        """Return the groups of the queue and of the history within the newest *limit* executions."""
        with self._store.read() as view:
            jobs = _capped(view, limit)
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
        candidates = self._fleet.candidates()
        return [job_view(job, candidates=candidates) for job in jobs]


def _kind(view_name: str) -> Callable[[JobRecord], bool]:
    is_history = view_name == "history"
    return lambda job: job.status.is_terminal is is_history


def _matching(view: View, where: JobFilter) -> Iterator[JobRecord]:
    if where.status not in _STATUSES:
        raise InvalidRequest(
            f'status "{where.status}" is unknown', hint="one of: " + ", ".join(filter(None, _STATUSES))
        )
    before = _cursor_number(where.cursor) if where.cursor else None
    statuses = _STATUSES[where.status]
    if where.run:
        run = [j for j in reversed(view.jobs.of_run(where.run)) if before is None or j.number < before]
        jobs: Iterator[JobRecord] = (j for j in run if statuses is None or j.status in statuses)
    else:
        jobs = view.jobs.newest_first(before=before, statuses=statuses)
    return (job for job in jobs if _matches(job, where))


def _cursor_number(cursor: str) -> int:
    try:
        return job_number(cursor)
    except NotFound:
        raise InvalidRequest("invalid cursor", hint="use the next_cursor of the list before") from None


def _matches(job: JobRecord, where: JobFilter) -> bool:
    metadata = job.metadata
    return (
        where.project in ("", metadata.get("project"), metadata.get("project_id"))
        and where.pipeline in ("", metadata.get("pipeline_id"))
        and where.agent in ("", job.agent_id)
    )


def _capped(view: View, limit: int) -> list[JobRecord]:
    """Return the newest executions, runs kept whole, newest first."""
    taken: dict[int, JobRecord] = {}
    groups: set[str] = set()
    for job in view.jobs.newest_first():
        group = _group(job)
        if group in groups:
            continue
        members = (
            [j for j in view.jobs.of_run(job.metadata["pipeline_run_id"]) if _group(j) == group] if group else [job]
        )
        if taken and len(taken) + len(members) > limit:
            break
        taken.update((member.number, member) for member in members)
        if group:
            groups.add(group)
        if len(taken) >= limit:
            break
    return [taken[number] for number in sorted(taken, reverse=True)]


def _group(job: JobRecord) -> str:
    """Return the contract's key of the run that *job* belongs to, empty for none."""
    run = job.metadata.get("pipeline_run_id", "")
    if not run:
        return ""
    project = job.metadata.get("project_id") or job.metadata.get("project", "")
    return f"{run}|{project}|{job.metadata.get('pipeline_id', '')}"


def _groups(jobs: list[JobRecord]) -> list[JobGroup]:
    members: dict[str, list[JobRecord]] = {}
    for job in jobs:
        members.setdefault(_group(job) or f"job:{job.id}", []).append(job)
    return [_job_group(key, group) for key, group in members.items()]


def _job_group(key: str, members: list[JobRecord]) -> JobGroup:
    if len(members) == 1:
        return JobGroup(key=f"job:{members[0].id}", job_count=1, collapsible=False)
    return JobGroup(key=f"run:{key}", run_id=key, job_count=len(members), collapsible=True)
