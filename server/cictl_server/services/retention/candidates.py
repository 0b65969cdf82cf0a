"""What may go: a walk over all runs, the newest first, in pieces that are read at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

import msgspec

from cictl.wire.admin.retention import RetentionPolicy
from cictl.wire.jobs import JobStatus
from cictl_server.services.history.past_runs import deciding
from cictl_server.services.history.waits.needed_files import restored_ids
from cictl_server.services.retention.expiring import expired_artifacts
from cictl_server.store.contract import Store, View
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord

_CHUNK = 50
"""Executions that are looked at in one read of the store; others wait for that long."""
_UNFINISHED = frozenset(status for status in JobStatus if not status.is_terminal)

T = TypeVar("T")
Policies = Callable[[str], RetentionPolicy]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Something of one run that goes.

    Attributes:
        jobs: The executions of a whole run that goes; else empty.
        logs: Executions whose logs go.
        artifacts: The artifacts that go, by execution.
        expired: The same for files that go while others of their execution may stay.
    """

    jobs: list[JobRecord] = msgspec.field(default_factory=list)
    logs: list[JobRecord] = msgspec.field(default_factory=list)
    artifacts: list[ArtifactsRecord] = msgspec.field(default_factory=list)
    expired: list[ArtifactsRecord] = msgspec.field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(job.log_size for job in self.logs) + sum(record.bytes for record in [*self.artifacts, *self.expired])


def is_settled(view: View, jobs: list[JobRecord]) -> bool:
    """Tell whether a run may be touched: it is over, nobody pinned it, and nothing in its chain run is unfinished."""
    chain = jobs[0].facts.chain_run_id
    return (
        all(job.status.is_terminal and not job.pinned for job in jobs)
        and not view.jobs.blocked_of_run(jobs[0].facts.pipeline_run_id)
        and not (chain and next(view.jobs.unfinished_of_chain_run(chain), None))
    )


class Walk:
    """One walk over all runs.

    The newest success of each branch stays, but for files whose project file says how long they are kept. So do the runs
    whose artifacts an unfinished execution restores.
    """

    def __init__(self, store: Store, policies: Policies, *, now: datetime) -> None:
        self._store = store
        self._policies = policies
        self._now = now
        self._seen: set[str] = set()
        self._runs: Counter[tuple[str, str]] = Counter()
        self._succeeded: set[tuple[str, str, str]] = set()
        self._wanted: set[str] = set()

    def candidates(self) -> Iterator[Candidate]:
        """Yield what goes. Between two of them, the store may change."""
        for ids in self._each(lambda _, job: restored_ids(job), statuses=_UNFINISHED):
            self._wanted.update(ids)
        yield from self._each(self._look)

    def _each(
        self, look: Callable[[View, JobRecord], T | None], *, statuses: frozenset[JobStatus] | None = None
    ) -> Iterator[T]:
        """Yield what *look* finds in each execution, the newest first, without holding the store for long."""
        before: int | None = None
        while True:
            with self._store.read() as view:
                chunk = list(islice(view.jobs.newest_first(before=before, statuses=statuses), _CHUNK))
                found = [look(view, job) for job in chunk]
            yield from (one for one in found if one is not None)
            if len(chunk) < _CHUNK:
                return
            before = chunk[-1].number

    def _look(self, view: View, job: JobRecord) -> Candidate | None:
        run = self._new_run(view, job)
        return self._judge(view, run) if run else None

    def _new_run(self, view: View, job: JobRecord) -> list[JobRecord]:
        """Return the executions of the run of *job*, oldest first; empty if the walk has seen it."""
        run = job.facts.pipeline_run_id or job.id
        if run in self._seen:
            return []
        self._seen.add(run)
        return view.jobs.of_run(run) if job.facts.pipeline_run_id else [job]

    def _judge(self, view: View, run: list[JobRecord]) -> Candidate | None:
        facts = run[-1].facts
        project = facts.project_id or facts.project
        place = self._runs[project, facts.pipeline_id]
        self._runs[project, facts.pipeline_id] += 1
        is_newest_success = self._is_newest_success(run)
        if not is_settled(view, run) or any(job.id in self._wanted for job in run):
            return None
        expired = expired_artifacts(view, run, now=self._now)
        if is_newest_success:
            return Candidate(expired=expired) if expired else None
        policy = self._policies(facts.project_id)
        age = self._now - max(job.finished or job.created for job in run)
        if (policy.keep_runs and place >= policy.keep_runs) or _is_past(age, policy.keep_days):
            return Candidate(jobs=run, logs=_logs(run), artifacts=_artifacts(view, run))
        artifacts = _artifacts(view, run) if _is_past(age, policy.artifact_days) else []
        logs = _logs(run) if _is_past(age, policy.log_days) else []
        expired = [] if artifacts else expired  # those go with the others
        return Candidate(logs=logs, artifacts=artifacts, expired=expired) if logs or artifacts or expired else None

    def _is_newest_success(self, run: list[JobRecord]) -> bool:
        facts = run[-1].facts
        if not facts.pipeline_id or not all(job.is_good for job in deciding(run)):
            return False
        branch = (facts.project_id or facts.project, facts.pipeline_id, facts.pipeline_source_ref_raw)
        is_first = branch not in self._succeeded
        self._succeeded.add(branch)
        return is_first


def _is_past(age: timedelta, days: int) -> bool:
    return bool(days) and age > timedelta(days=days)


def _logs(run: list[JobRecord]) -> list[JobRecord]:
    return [job for job in run if job.log_size]


def _artifacts(view: View, run: list[JobRecord]) -> list[ArtifactsRecord]:
    found = (view.artifacts.find(job.number) for job in run)
    return [record for record in found if record is not None and record.entries]
