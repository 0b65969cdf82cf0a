"""Handing a claimed execution to its agent: with its secrets, or back into the queue while its Vault does not answer.

Vault is asked outside of every transaction, so a slow Vault delays one lease and no other request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cictl.base.clock import Clock
from cictl.wire.agents import LeaseResponse
from cictl.wire.jobs import Cause, JobExecution, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl.wire.words import CONTROL
from cictl_server.services.history.lease_tokens import LeaseTokens
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.views import job_view
from cictl_server.services.secrets.lease_secrets import (
    PREFIX,
    SecretsCrowded,
    SecretsDelayed,
    SecretService,
    SecretsRefused,
    needs_secrets,
    recorded_secrets,
    recorded_tokens,
)
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.services.secrets.vault.outages import HEAD_START, pause_after
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=15)
"""How long an execution may wait for its secrets before it fails."""

BEING_RESOLVED = "agent already has an active job"
"""The message for a lease that is repeated while the first one waits for the secrets of the same execution."""


class Handover:
    def __init__(
        self,
        *,
        store: Store,
        settler: Settler,
        tokens: LeaseTokens,
        secrets: SecretService,
        sensitive: SensitiveValues,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settler = settler
        self._tokens = tokens
        self._secrets = secrets
        self._sensitive = sensitive
        self._clock = clock
        self._resolving: set[str] = set()
        self._lock = threading.Lock()

    def release_due(self, tx: Transaction, *, now: datetime) -> None:
        """Make the executions claimable again whose wait for a Vault is over."""
        for job in tx.jobs.due(now):
            self._settler.put(tx, msgspec.structs.replace(job, not_before=None))

    def postpone(self, tx: Transaction, job: JobRecord) -> bool:
        """Let a claimable *job* wait while a Vault that it needs must not be asked; tell whether it has to wait.

        An execution that has waited for `PATIENCE` is not postponed because its Vault is out: its last attempt asks the Vault itself.
        """
        delay = self._secrets.find_delay(job, tx)
        if delay is None or self._gives_up(job, delay):
            return False
        until = delay.until or self._clock() + pause_after(1)
        self._settler.put(tx, self._waiting(job, reason=delay.text, until=until))
        return True

    def deliver(self, job: JobRecord) -> LeaseResponse | None:
        """Return the answer that gives *job*, leased by the asking agent, to that agent.

        None means that the agent does not get it: it waits for its secrets, or its lease ended meanwhile. Must not be
        called in a transaction.
        """
        if recorded := recorded_secrets(job):
            self._sensitive.remember(job.id, recorded)
        if not needs_secrets(job):
            return self._given(job, _told_to_mask(job_view(job, is_leased=True), recorded_tokens(job)))
        with self._only_one(job) as is_first:
            if not is_first:
                return LeaseResponse(assigned=False, message=BEING_RESOLVED)
            try:
                resolved = self._secrets.resolve(job)
            except SecretsRefused as refusal:
                return self._fail(job, str(refusal))
            except SecretsDelayed as delay:
                return self._put_back(job, delay)
            self._sensitive.remember(job.id, resolved.values, attempt=job.log_generation)
            # No lock was held while Vault was asked: a cancel, an expiry or another lease may have come in between.
            if not self._is_still_held(job):
                return None
        view = msgspec.structs.replace(
            job_view(job, is_leased=True), step_plan=resolved.step_plan, services=resolved.services
        )
        return self._given(job, _told_to_mask(view, [*resolved.values, *recorded_tokens(job)], has_secrets=True))

    def _given(self, job: JobRecord, view: JobExecution) -> LeaseResponse:
        logger.info("leased execution=%s agent=%s", job.id, job.agent_id)
        given = self._tokens.find(job)
        if given.job:
            self._sensitive.remember(job.id, [given.job])
        return LeaseResponse(assigned=True, job_execution=view, lease_token=given.lease, job_token=given.job)

    @contextmanager
    def _only_one(self, job: JobRecord) -> Iterator[bool]:
        """Yield whether this request is the only one at this server that resolves *job* now.

        Of two at once, one could give the execution out while the other puts it back into the queue. What two servers do is
        told apart by `lease_server`: once one gives the lease again, what the other resolves counts no more.
        """
        with self._lock:
            is_first = job.id not in self._resolving
            self._resolving.add(job.id)
        try:
            yield is_first
        finally:
            if is_first:
                with self._lock:
                    self._resolving.discard(job.id)

    def _is_still_held(self, job: JobRecord) -> bool:
        """Tell whether the lease still stands; if the execution has waited for its secrets, end that wait."""
        if job.secrets_since is None:
            with self._store.read() as view:
                return _find_held(view, job) is not None
        return self._store.write(lambda tx: self._end_wait(tx, job))

    def _end_wait(self, tx: Transaction, job: JobRecord) -> bool:
        current = _find_held(tx, job)
        if current is None:
            return False
        self._settler.put(tx, _without_wait(current))
        return True

    def _put_back(self, job: JobRecord, delay: SecretsDelayed) -> LeaseResponse | None:
        if self._gives_up(job, delay):
            minutes = int(PATIENCE.total_seconds() // 60)
            return self._fail(job, f"{PREFIX}{delay} (tried for {minutes} minutes)")
        if self._store.write(lambda tx: self._requeue(tx, job, delay)):
            logger.warning("execution waits for its secrets execution=%s: %s", job.id, delay)
        return None

    def _requeue(self, tx: Transaction, job: JobRecord, delay: SecretsDelayed) -> bool:
        current = _find_held(tx, job)
        if current is None:
            return False
        own = self._clock() + pause_after(job.secrets_attempts + 1)
        until = own if delay.until is None else max(own, delay.until + HEAD_START)
        queued = self._waiting(current, reason=delay.text, until=until)
        self._settler.put(tx, msgspec.structs.replace(queued, secrets_attempts=current.secrets_attempts + 1))
        return True

    def _waiting(self, job: JobRecord, *, reason: str, until: datetime) -> JobRecord:
        now = self._clock()
        queued = job if job.status is JobStatus.QUEUED else advance(job, Event.REQUEUE, now=now)
        changes: dict[str, Any] = {"not_before": until, "waiting_reason": reason}
        return msgspec.structs.replace(queued, secrets_since=job.secrets_since or now, **changes)

    def _gives_up(self, job: JobRecord, delay: SecretsDelayed) -> bool:
        """Tell whether *job* has waited for its secrets for too long to go on because of *delay*."""
        if job.secrets_since is None or isinstance(delay, SecretsCrowded):
            return False
        return self._clock() - job.secrets_since >= PATIENCE

    def _fail(self, job: JobRecord, problem: str) -> LeaseResponse | None:
        if not self._store.write(lambda tx: self._end(tx, job, problem)):
            return None
        logger.warning("execution failed at its lease execution=%s: %s", job.id, problem)
        return LeaseResponse(assigned=False, message=problem)

    def _end(self, tx: Transaction, job: JobRecord, problem: str) -> bool:
        current = _find_held(tx, job)
        if current is None:
            return False
        ending = Ending(log_size=0, error=problem, cause=Cause.SECRETS_MISSING, closing_line=f"{CONTROL}{problem}")
        self._settler.end(tx, _without_wait(current), Event.FAIL, ending, now=self._clock())
        return True


def _find_held(view: View, job: JobRecord) -> JobRecord | None:
    """Return *job* as it is now; None if its lease has ended."""
    current = view.jobs.find(job.number)
    if current is None or current.status is not JobStatus.LEASED:
        return None
    return current if _lease_of(current) == _lease_of(job) else None


def _lease_of(job: JobRecord) -> tuple[object, ...]:
    """Return what tells the lease of *job* from others of it, also from the same one as another server gave it again."""
    return job.agent_id, job.leased, job.lease_request_id, job.lease_server


def _told_to_mask(view: JobExecution, values: list[str], *, has_secrets: bool = False) -> JobExecution:
    """Return *view* with the values that the agent must hide.

    With *has_secrets* the agent does not trace the shell either, even if every value is blank.
    """
    if not (values or has_secrets):
        return view
    metadata = view.metadata | JobMetadata.entries(JobMetadata.has_secrets(True))
    return msgspec.structs.replace(view, metadata=metadata, sensitive_values=_longest_first(values))


def _without_wait(job: JobRecord) -> JobRecord:
    return msgspec.structs.replace(job, secrets_since=None, secrets_attempts=0, waiting_reason="")


def _longest_first(values: Iterable[str]) -> list[str]:
    """Return each value once. Agents of the reference mask in this order: a short one first would leave the tail of a longer one."""
    return sorted(dict.fromkeys(values), key=len, reverse=True)
