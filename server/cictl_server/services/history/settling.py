"""Ending executions, and what follows for those that wait for them.

Every end and every deletion goes through here, whatever its cause. The same transaction evaluates the dependants until
nothing changes, so no execution stays blocked once everything it waits for is settled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from cictl.wire.events import EventKind
from cictl.wire.jobs import JobStatus
from cictl.wire.metadata import JobMetadata, Key
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.metrics import Metrics
from cictl_server.services.core.resting_locks import rest_locks
from cictl_server.services.history.approvals import asked
from cictl_server.services.history.groups.levels import LEVELS
from cictl_server.services.history.groups.lines import groups_to_look_at, let_in
from cictl_server.services.history.groups.superseding import superseded
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.retries import next_attempt
from cictl_server.services.history.rows import ended_by_rows, released_rows
from cictl_server.services.history.run_book import note_change, recount_runs_of
from cictl_server.services.history.waits.chain_waits import settled_by_chain
from cictl_server.services.history.waits.needs import settled_by_needs
from cictl_server.signals.topics import QUEUE, job_topic
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.jobs import JobRecord


class Settler(msgspec.Struct, frozen=True, kw_only=True):
    """Stores changed executions, settles what waits for them, and announces both once they are durable.

    Attributes:
        shown_size: Tells how many bytes of an execution's log readers may see.
        ends_make_room: Only so many executions of a project are given out at once, so an end lets others be given out.
    """

    hub: Hub
    events: EventLog
    metrics: Metrics
    numbers: NumberSource
    shown_size: Callable[[JobRecord], int]
    ends_make_room: bool = False

    def put(self, tx: Transaction, job: JobRecord, *, before: JobRecord | None = None) -> None:
        """Store a new or changed execution, count it, and announce it. Who makes new ones makes or recounts their run too.

        Args:
            before: The execution as it is stored, if the caller has just looked it up.
        """
        before = before or tx.jobs.find(job.number)
        if before is None:
            job = asked(job, now=job.created)
        if job.status.is_terminal or (job.status is JobStatus.LEASED and before and before.status is JobStatus.QUEUED):
            tx.after_commit(lambda: self.metrics.note_job(job))
        tx.jobs.put(job)
        if before is not None:
            note_change(tx, before, job)
            if job.locks and before.status is JobStatus.RUNNING and job.is_ended_by_server:
                rest_locks(tx, job)
        tx.after_commit(lambda: self.events.add(EventKind.JOB, job.id))
        self.announce(tx, job)

    def wake_watchers(self, job: JobRecord) -> None:
        """Wake the requests that watch *job*."""
        self.hub.publish(job_topic(job.number))

    def announce(self, tx: Transaction, job: JobRecord) -> None:
        """Wake the requests that watch *job*, and those that wait for work if it can be leased."""
        tx.after_commit(lambda: self.wake_watchers(job))
        is_claimable = job.status is JobStatus.QUEUED and not job.is_blocked
        if is_claimable or (job.status.is_terminal and (self.ends_make_room or job.locks)):
            tx.after_commit(lambda: self.hub.publish(QUEUE))

    def end(
        self, tx: Transaction, job: JobRecord, event: Event, ending: Ending, *, now: datetime, **changes: Any
    ) -> JobRecord:
        """End *job*, as it is in *tx*, and settle its run; return it as it ended. If it is to be retried, the next attempt is enqueued.

        Raises:
            Conflict: It is over already.
        """
        ended = advance(job, event, now=now, ending=ending, **changes)
        again = next_attempt(job, ended, numbers=self.numbers, now=now)
        if again is None:
            self.put(tx, ended, before=job)
            self.settle(tx, [ended], now=now)
            return ended
        # The new one goes first, and then the old one counts no more: its run must not be over for a moment.
        self.put(tx, again)
        recount_runs_of(tx, [again])
        ended = replace(ended, retried_by=again.id, superseded=True)
        self.put(tx, ended)
        # The new execution counts as its job's now. So nothing that waits for the job is settled, but rows get the place.
        self.settle(tx, [ended], now=now)
        return ended

    def end_waiting(
        self, tx: Transaction, jobs: Iterable[JobRecord], ending: Callable[[JobRecord], Ending], *, now: datetime
    ) -> None:
        """End *jobs*, which are queued, without their having begun; settle what waits for them once, as they may be very many."""
        ended = [advance(job, Event.SKIP, now=now, ending=ending(job)) for job in jobs]
        for job in ended:
            self.put(tx, job)
        self.settle(tx, ended, now=now)

    def settle(self, tx: Transaction, ended: Iterable[JobRecord], *, now: datetime) -> None:
        """Release or end what waits for the executions that ended, or were removed, until nothing changes."""
        changed = list(ended)
        while changed:
            by_run, by_chain_run = (
                _grouped(changed, JobMetadata.pipeline_run_id),
                _grouped(changed, JobMetadata.chain_run_id),
            )
            tx.foresee(
                *(partial(look, run=run) for run, _ in by_run for look in (_look_at_run, _look_at_blocked_of_run)),
                *(partial(_look_at_chain_run, run=run) for run, _ in by_chain_run),
            )
            rows = [job for run, jobs in by_run for job in ended_by_rows(tx, run, jobs, now=now)]
            for job in rows:
                self.put(tx, job)
            # A released row settles nothing, so it is only stored.
            let_go = [job for run, jobs in by_run for job in released_rows(tx, run, jobs)]
            for job in let_go:
                self.put(tx, job)
            # What ends here may block others in turn, so go on with it until a round changes nothing. Needs are stored
            # before chains are evaluated: the chain must see the executions that this round has just ended.
            needing = [asked(job, now=now) for run, jobs in by_run for job in settled_by_needs(tx, run, jobs, now=now)]
            for job in needing:
                self.put(tx, job)
            released = [
                asked(job, now=now) for run, jobs in by_chain_run for job in settled_by_chain(tx, run, jobs, now=now)
            ]
            for job in released:
                self.put(tx, job)
            touched = [*changed, *rows, *let_go, *needing, *released]
            changed = [*needing, *rows, *released, *self._settle_groups(tx, touched, now=now)]

    def _settle_groups(self, tx: Transaction, touched: list[JobRecord], *, now: datetime) -> list[JobRecord]:
        """Let into concurrency groups what has a place in them, and return what newer runs ended."""
        ended: list[JobRecord] = []
        for level in LEVELS:
            for group, joined in groups_to_look_at(tx, touched, level).items():
                replaced = superseded(tx, group, joined, level, now=now, shown_size=self.shown_size)
                for job in replaced:
                    self.put(tx, job)
                entered = let_in(tx, group, joined, level)
                for job in entered:
                    self.put(tx, job)
                ended += replaced
                touched = [*touched, *entered]
        return ended

    def settle_all(self, tx: Transaction, *, now: datetime) -> None:
        """Settle every run that has something blocked; once at start-up."""
        self.settle(tx, [job for job in tx.jobs.with_status(JobStatus.QUEUED) if job.is_blocked], now=now)


def _look_at_run(view: View, *, run: str) -> None:
    next(view.jobs.unfinished_of_run(run), None)


def _look_at_blocked_of_run(view: View, *, run: str) -> None:
    view.jobs.blocked_of_run(run)


def _look_at_chain_run(view: View, *, run: str) -> None:
    next(view.jobs.unfinished_of_chain_run(run), None)


def _grouped(jobs: Iterable[JobRecord], key: Key[str]) -> list[tuple[str, list[JobRecord]]]:
    """Return the executions by the value of *key*, sorted by it; those without a value are left out."""
    groups: defaultdict[str, list[JobRecord]] = defaultdict(list)
    for job in jobs:
        groups[key.of(job.facts)].append(job)
    groups.pop("", None)
    return sorted(groups.items())
