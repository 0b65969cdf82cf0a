"""What the server does without a request: expire leases, end overdue executions, give up on lost agents."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from cictl.base.clock import Clock
from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.words import CONTROL
from cictl_server.services.core.idempotency import IdempotencyService
from cictl_server.services.core.ids import job_number
from cictl_server.services.core.metrics import Metrics
from cictl_server.services.core.pulse import Pulse
from cictl_server.services.fleet.clock_jumps import ClockJumps
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.history.approvals import overdue
from cictl_server.services.history.holder import UPLOADS_AFTER_END
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.run_book import record_old_runs
from cictl_server.services.history.settling import Settler
from cictl_server.services.logs.book import LogBook
from cictl_server.services.secrets.own.key_holders import KeyHolders
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.signals.contract import Leadership
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

LEASE_LIFETIME = timedelta(seconds=45)
"""A leased execution that has not started after this time goes back to the queue."""

TIMEOUT_GRACE = timedelta(seconds=15)
"""Agents enforce the time limit of a job themselves; the server ends an execution only this much later."""

UPLOAD_LIMIT = timedelta(minutes=10)
"""The longest that one request of an agent takes.

The time limit of a job does not cover the upload of its artifacts, and during one the agent reports nothing. So while the
agent is online, the server waits this much longer before it ends the execution."""

SECRETS_KEPT = UPLOADS_AFTER_END
"""How long the secrets of a finished execution are remembered, to mask what its agent still sends."""

_TIMED_OUT = "job timed out while running (server maintenance)"


class MaintenanceService:
    """The background work: a pass at start-up, then one every `INTERVAL_SECONDS` (`core/pulse.py`).

    Each server looks after what only it remembers. Executions are ended by the one that leads; a second one that did the same
    would find nothing left to do, because each record is checked in the transaction that changes it.
    """

    def __init__(
        self,
        *,
        store: Store,
        settler: Settler,
        logs: LogBook,
        presence: PresenceBook,
        clock: Clock,
        clock_jumps: ClockJumps,
        leadership: Leadership,
        pulse: Pulse,
        metrics: Metrics,
        idempotency: IdempotencyService,
        sensitive: SensitiveValues,
        key_holders: KeyHolders,
        agent_timeout: timedelta,
    ) -> None:
        """Give up on what an agent runs when it was silent for *agent_timeout*."""
        self._store = store
        self._settler = settler
        self._logs = logs
        self._presence = presence
        self._clock = clock
        self._clock_jumps = clock_jumps
        self._leadership = leadership
        self._pulse = pulse
        self._metrics = metrics
        self._idempotency = idempotency
        self._sensitive = sensitive
        self._key_holders = key_holders
        self._agent_timeout = agent_timeout

    def start_up(self) -> None:
        """Settle what an earlier server left unsettled, then make the first pass."""
        record_old_runs(self._store)
        self._store.write(lambda tx: self._settler.settle_all(tx, now=self._clock()))
        self.run_once()

    def run_once(self) -> None:
        """Make a pass."""
        self._clock_jumps.follow()
        self._idempotency.expire()
        self._forget_secrets()
        self._key_holders.look()
        if self._leadership.is_ours:
            self._end_overdue()
        self._pulse.beat()

    def _end_overdue(self) -> None:
        now = self._clock()
        with self._store.read() as view:
            leased = [job for job in view.jobs.with_status(JobStatus.LEASED) if _is_stale(job, now)]
            running = [job for job in view.jobs.with_status(JobStatus.RUNNING) if self._is_over(job, now)]
            unapproved = view.jobs.unapproved(now)
        # Most passes find nothing, so the look needs no write transaction. In one, each record is checked again: its agent
        # may have reported in between.
        if leased or running:
            self._store.write(lambda tx: self._expire(tx, leased, running, now))
        if unapproved:
            self._store.write(lambda tx: self._end_unapproved(tx, now))

    def _end_unapproved(self, tx: Transaction, now: datetime) -> None:
        jobs = tx.jobs.unapproved(now)
        for job in jobs:
            tx.after_commit(partial(logger.info, "not approved in time execution=%s", job.id))
        self._settler.end_waiting(tx, jobs, overdue, now=now)

    def _expire(self, tx: Transaction, leased: list[JobRecord], running: list[JobRecord], now: datetime) -> None:
        for job in leased:
            self._requeue(tx, job.number, now)
        for job in running:
            self._fail(tx, job.number, now)

    def _forget_secrets(self) -> None:
        """Forget the secrets of executions that were deleted, or that ended more than `SECRETS_KEPT` ago."""
        limit = self._clock() - SECRETS_KEPT
        for job_id in self._sensitive.job_ids():
            with self._store.read() as view:
                job = view.jobs.find(job_number(job_id))
            if job is None or (job.finished is not None and job.finished <= limit):
                self._sensitive.forget(job_id)

    def _requeue(self, tx: Transaction, number: int, now: datetime) -> None:
        job = tx.jobs.find(number)
        if job is not None and _is_stale(job, now):
            self._settler.put(tx, advance(job, Event.REQUEUE, now=now))
            tx.after_commit(lambda: logger.warning("lease expired execution=%s agent=%s", job.id, job.agent_id))
            tx.after_commit(lambda: self._logs.delete(job.log_name))
            tx.after_commit(self._metrics.leases_expired.inc)

    def _fail(self, tx: Transaction, number: int, now: datetime) -> None:
        job = tx.jobs.find(number)
        if job is None or not self._is_over(job, now):
            return
        if self._is_timed_out(job, now):
            error, cause = _TIMED_OUT, Cause.TIMED_OUT
        else:
            seconds = int(self._agent_timeout.total_seconds())
            error, cause = f"agent lost: nothing heard of {job.agent_id} for {seconds} s", Cause.AGENT_LOST
            if rival := self._presence.rival(job.agent_id):
                error += f"; {rival.told}, which says it has the same id, was refused"
        tx.after_commit(
            lambda: logger.warning("execution given up execution=%s agent=%s: %s", job.id, job.agent_id, error)
        )
        ending = Ending(
            log_size=self._logs.shown_size_of(job),
            error=error,
            cause=cause,
            exit_code=job.exit_code,
            closing_line=f"{CONTROL}{error}",
        )
        self._settler.end(tx, job, Event.FAIL, ending, now=now)

    def _is_over(self, job: JobRecord, now: datetime) -> bool:
        if job.status is not JobStatus.RUNNING:
            return False
        return self._is_timed_out(job, now) or self._is_agent_lost(job, now)

    def _is_timed_out(self, job: JobRecord, now: datetime) -> bool:
        if job.limit_seconds <= 0 or job.started is None:
            return False
        grace = TIMEOUT_GRACE + UPLOAD_LIMIT if self._presence.is_online(job.agent_id) else TIMEOUT_GRACE
        # Compared as numbers: a limit may be longer than any timedelta.
        return (now - job.started - grace).total_seconds() >= job.limit_seconds

    def _is_agent_lost(self, job: JobRecord, now: datetime) -> bool:
        """Tell whether the agent was silent for too long. What it could not be heard in does not count, such as the time before the server's start."""
        seen = self._presence.seen_at(job.agent_id)
        if seen is None:
            return False  # an agent that never sends heartbeats: only its job's own limit counts
        return now - max(seen, self._presence.listening_since) >= self._agent_timeout


def _is_stale(job: JobRecord, now: datetime) -> bool:
    return job.status is JobStatus.LEASED and (job.leased is None or now - job.leased >= LEASE_LIFETIME)
