"""The queue as people look at it: what waits, in the order in which it is given out, and why each waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice

import msgspec

from cictl.wire.jobs import JobStatus
from cictl.wire.waiting.explain import COUNTED_JOBS, AgentFit, Explanation
from cictl_server.services.history.lookup import short_id
from cictl_server.services.jobs.explain import ExplainService
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord

Sees = Callable[[JobRecord], bool]
"""Tells whether an execution is shown."""

_Kind = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]


class WaitingJob(msgspec.Struct, frozen=True, kw_only=True):
    """One execution that waits.

    Attributes:
        short_id: What people call it.
        group: The name of the concurrency group in whose line it stands; empty if in none.
    """

    short_id: str
    project: str
    project_id: str
    run_number: str
    priority: int
    group: str
    explanation: Explanation

    @property
    def id(self) -> str:
        return self.explanation.job_execution_id

    @property
    def nearest(self) -> AgentFit | None:
        """The agent that comes nearest to taking it; None if there is no agent."""
        return self.explanation.agents[0] if self.explanation.agents else None


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """What waits.

    Attributes:
        jobs: The first of it.
        waiting: How many executions wait of those that were looked at.
        is_all: False if more wait than were looked at, the oldest 1,000; then `waiting` is what was.
    """

    jobs: list[WaitingJob]
    waiting: int
    is_all: bool


class WaitingService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    explain: ExplainService

    def list_waiting(self, *, limit: int, sees: Sees = lambda _: True) -> Queue:
        """Return the first *limit* executions that wait, in their order, each with why."""
        with self.store.read() as view:
            oldest = list(islice(view.jobs.with_status(JobStatus.QUEUED), COUNTED_JOBS + 1))
            seen = [job for job in oldest[:COUNTED_JOBS] if sees(job)]
            first = nsmallest(limit, seen, key=lambda job: job.turn)
            looks = _Looks(view, self.explain)
            jobs = [looks.waiting(job) for job in first]
        return Queue(jobs=jobs, waiting=len(seen), is_all=len(oldest) <= COUNTED_JOBS)


@dataclass
class _Looks:
    """One look at the queue. How agents fit is found out once for all executions with the same needs."""

    view: View
    service: ExplainService
    _fits: dict[_Kind, list[AgentFit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rules = self.service.policies.of_jobs(self.view)

    def waiting(self, job: JobRecord) -> WaitingJob:
        found = self.service.explain_waiting(job, self.view, agents=self._fit(job), rules=self._rules)
        return WaitingJob(
            short_id=short_id(job),
            project=job.facts.project,
            project_id=job.facts.project_id,
            run_number=job.facts.run_number,
            priority=job.priority,
            group=self._rules.group_name(job) if job.awaited_group else "",
            explanation=found,
        )

    def _fit(self, job: JobRecord) -> list[AgentFit]:
        kind = tuple(sorted(job.required_capabilities.items())), tuple(job.locks)
        if kind not in self._fits:
            self._fits[kind] = self.service.nearest(job, self.view)
        return self._fits[kind]
