"""Handing jobs to agents: the oldest unblocked execution whose requirements the asking agent meets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from cictl.wire.agents import AGENT_DEACTIVATED
from cictl.wire.jobs import Cause, JobStatus, LeaseRequest, LeaseResponse
from cictl.wire.requirements import meets_all
from cictl_server.errors import InvalidRequest, NoCapacity
from cictl_server.services.fleet import effective_capabilities
from cictl_server.services.hub import QUEUE, Hub
from cictl_server.services.ids import Clock
from cictl_server.services.lifecycle import Ending, Event, advance
from cictl_server.services.losses import LostWork
from cictl_server.services.presence import PresenceBook
from cictl_server.services.secrets import secrets_problem
from cictl_server.services.settling import Settler
from cictl_server.services.views import job_view
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records import JobRecord

logger = logging.getLogger(__name__)

WAIT_LIMIT_SECONDS = 25
"""The longest that a lease may wait; below the idle limits of common proxies."""

REOFFER_AFTER = timedelta(seconds=5)
"""An agent of the reference gives a lease request up after this time, so its answer was lost."""

_ACTIVE = "agent already has an active job"
_NOTHING = "no matching queued job"


class LeasingService:
    def __init__(
        self,
        *,
        store: Store,
        settler: Settler,
        losses: LostWork,
        presence: PresenceBook,
        hub: Hub,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settler = settler
        self._losses = losses
        self._presence = presence
        self._hub = hub
        self._clock = clock

    def lease(self, request: LeaseRequest, *, is_abandoned: Callable[[], bool] = lambda: False) -> LeaseResponse:
        """Give the agent an execution, waiting up to `wait_seconds` for one.

        Where all places for waiting are taken the answer comes at once.

        Args:
            is_abandoned: Tells whether the agent broke the connection off: then nothing is claimed for it any more.

        Raises:
            InvalidRequest: No agent id.
        """
        if not request.agent_id.strip():
            raise InvalidRequest("agent_id is required")
        wait = min(request.wait_seconds, WAIT_LIMIT_SECONDS)
        answer = self._try(request)
        if answer.assigned or wait <= 0 or answer.message != _NOTHING:
            return answer
        try:
            self._hub.take_place()
        except NoCapacity:
            return answer
        try:
            return self._wait(request, seconds=wait, is_abandoned=is_abandoned)
        finally:
            self._hub.leave_place()

    def _wait(self, request: LeaseRequest, *, seconds: int, is_abandoned: Callable[[], bool]) -> LeaseResponse:
        deadline = time.monotonic() + seconds
        with self._hub.watch(QUEUE) as watch:
            while True:
                watch.clear()
                if is_abandoned():
                    return LeaseResponse(assigned=False, message=_NOTHING)
                answer = self._try(request, is_waiting=True)
                left = deadline - time.monotonic()
                if answer.message != _NOTHING or left <= 0 or self._hub.is_closed:
                    return answer
                watch.wait(left)
                self._presence.touch(request.agent_id)

    def _try(self, request: LeaseRequest, *, is_waiting: bool = False) -> LeaseResponse:
        """Check and claim in one transaction, so that simultaneous requests of one agent get one job.

        Args:
            is_waiting: The request waited for work. What its agent holds now, it got by a later one: its own connection
                broke meanwhile, and it tells nothing about that execution.
        """
        with self._store.write() as tx:
            record = tx.agents.find(request.agent_id)
            if record is not None and record.deactivated:
                return LeaseResponse(assigned=False, message=AGENT_DEACTIVATED)
            for held in tx.jobs.active_of_agent(request.agent_id):
                if not is_waiting and self._is_unanswered(held, request):
                    logger.info("lease offered again execution=%s agent=%s", held.id, request.agent_id)
                    return LeaseResponse(assigned=True, job_execution=job_view(held, is_leased=True))
                is_repeat = bool(request.request_id) and request.request_id == held.lease_request_id
                if held.status is JobStatus.LEASED or is_waiting or is_repeat or not self._give_up(tx, held):
                    return LeaseResponse(assigned=False, message=_ACTIVE)
            capabilities = effective_capabilities(record, agent_id=request.agent_id, overlay=request.capabilities)
            job = self._claim(tx, request, capabilities)
            if job is None:
                return LeaseResponse(assigned=False, message=_NOTHING)
            if problem := secrets_problem(job):
                self._fail(tx, job, problem)
                return LeaseResponse(assigned=False, message=problem)
        logger.info("leased execution=%s agent=%s", job.id, request.agent_id)
        return LeaseResponse(assigned=True, job_execution=job_view(job, is_leased=True))

    def _fail(self, tx: Transaction, job: JobRecord, problem: str) -> None:
        logger.warning("execution failed at its lease execution=%s: %s", job.id, problem)
        ending = Ending(log_size=0, error=problem, cause=Cause.SECRETS_MISSING, closing_line=f"[control] {problem}")
        self._settler.end(tx, job, Event.FAIL, ending, now=self._clock())

    def _claim(self, tx: Transaction, request: LeaseRequest, capabilities: Mapping[str, str]) -> JobRecord | None:
        job = tx.jobs.claimable(lambda required: meets_all(required, capabilities))
        if job is None:
            return None
        leased = advance(
            job,
            Event.LEASE,
            now=self._clock(),
            agent_id=request.agent_id,
            lease_request_id=request.request_id,
        )
        self._settler.put(tx, leased)
        return leased

    def _is_unanswered(self, held: JobRecord, request: LeaseRequest) -> bool:
        """Whether *held* was given to this agent in an answer that it never got."""
        if held.status is not JobStatus.LEASED or held.leased is None:
            return False
        if request.request_id and request.request_id == held.lease_request_id:
            return True
        return self._clock() - held.leased >= REOFFER_AFTER

    def _give_up(self, tx: Transaction, held: JobRecord) -> bool:
        """Fail a running execution whose agent asks for other work: an agent never does that while it runs one.

        Told apart from a second agent with the same id by the age of the execution's last sign: see `REOFFER_AFTER`.
        An agent whose last heartbeat named the execution has not lost it: this request is an older one that was delayed.
        """
        if held.started is not None and self._clock() - held.started < REOFFER_AFTER:
            return False
        if self._presence.says_it_runs(held.agent_id, held.id):
            return False
        self._losses.end(tx, held, reason="it asked for new work while this job was running")
        return True
