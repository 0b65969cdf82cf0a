"""Claiming: an agent that asks gets the first unblocked execution whose requirements it meets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from cictl.base.clock import Clock
from cictl.wire.admin.updates import SERVER_IS_UPDATING
from cictl.wire.agents import LeaseRequest, LeaseResponse
from cictl.wire.jobs import JobStatus
from cictl.wire.waiting.requirements import for_older_agents
from cictl_server.errors import NoCapacity, no_agent_id
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.resting_locks import end_rests, resting, rests_of
from cictl_server.services.fleet.hosts import host_of
from cictl_server.services.fleet.limits import check_agent_id, kept_lease
from cictl_server.services.fleet.matching import Offer, Offers
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.processes import ProcessGuard, process_key
from cictl_server.services.history.lease_tokens import LeaseTokens
from cictl_server.services.history.lifecycle import Event, advance
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.endings.losses import LostWork
from cictl_server.services.jobs.handover import BEING_RESOLVED, Handover
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.jobs.waiting_line.line import WaitingLeases
from cictl_server.services.jobs.waiting_line.wait import LeaseWait
from cictl_server.services.policies import Policies
from cictl_server.services.policies.out_of_service import withdrawal
from cictl_server.services.secrets.lease_secrets import needs_secrets
from cictl_server.signals.contract import Members
from cictl_server.signals.topics import QUEUE
from cictl_server.store.contract import Reach, Store, Transaction, View
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tables import Kind

logger = logging.getLogger(__name__)

WAIT_LIMIT_SECONDS = 25
"""The longest that a lease may wait; below the idle limits of common proxies."""

REOFFER_AFTER = timedelta(seconds=5)
"""An agent of the reference gives a lease request up after this time: an answer that took longer was lost."""

_TRY_SECONDS = 0.5
"""How long one request tries further executions. Together with `LEASE_SECONDS` it stays below `REOFFER_AFTER`."""

Accepts = Callable[[Kind], bool]

Claimed = JobRecord | LeaseResponse
"""What a request found: an execution, leased to its agent and still to be handed over; or an answer without one."""

_ACTIVE = BEING_RESOLVED
_NOTHING = "no matching queued job"


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


_DRAINING = "agent ends its jobs before it takes others"


class LeasingService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    settler: Settler
    losses: LostWork
    presence: PresenceBook
    processes: ProcessGuard
    members: Members
    policies: Policies
    handover: Handover
    tokens: LeaseTokens
    pause: LeasePause
    hub: Hub
    line: WaitingLeases
    clock: Clock
    default_timeout_seconds: int
    offers: Offers = msgspec.field(default_factory=Offers)
    lull: threading.Event = msgspec.field(default_factory=_set_event)
    """Set since a lease found nothing: then the next ones look before they take their turn among those that take something."""

    def lease(self, request: LeaseRequest, *, is_abandoned: Callable[[], bool] = lambda: False) -> LeaseResponse:
        """Give the agent an execution, waiting up to `wait_seconds` for one. The wait holds this thread; `ask` holds none.

        If all waiting places are taken, the answer comes at once.

        Args:
            is_abandoned: Tells whether the agent closed the connection: then a waiting request claims nothing for it.

        Raises:
            InvalidRequest: No agent id, or a bad one.
            AgentIdInUse: Another process has the id.
        """
        request = _checked(request)
        wait = min(request.wait_seconds, WAIT_LIMIT_SECONDS)
        answer = self._try(request)
        if answer.assigned or wait <= 0 or answer.message != _NOTHING:
            return answer
        try:
            self.hub.take_place(f"agent {request.agent_id}")
        except NoCapacity:
            return answer
        try:
            return self._wait(request, seconds=wait, is_abandoned=is_abandoned)
        finally:
            self.hub.leave_place(f"agent {request.agent_id}")

    def ask(self, request: LeaseRequest) -> LeaseResponse | LeaseWait:
        """Give the agent an execution, or return a wait if it wants to wait for one. What it awaits is time to `ask_again`.

        If all places of waiting leases are taken, the answer comes at once.

        Raises:
            InvalidRequest: No agent id, or a bad one.
            AgentIdInUse: Another process has the id.
        """
        request = _checked(request)
        news = self.line.news
        answer = self._try(request)
        if answer.message != _NOTHING or request.wait_seconds <= 0 or self.hub.is_closed:
            return answer
        record = self._record_of(request)
        try:
            return self.line.add(
                request,
                seconds=min(request.wait_seconds, WAIT_LIMIT_SECONDS),
                offer=self._offer_of(record, request),
                host=_host_of(record, request),
                news=news,
            )
        except NoCapacity:
            return answer

    def ask_again(self, wait: LeaseWait) -> LeaseResponse | None:
        """Give the agent of *wait* an execution; None if it is to wait on.

        Raises:
            AgentIdInUse: Another process has the id now.
        """
        news = self.line.news
        self.presence.touch(wait.request.agent_id)
        answer = self._try(wait.request, is_waiting=True)
        if answer.message != _NOTHING or wait.is_over or self.hub.is_closed:
            return answer
        wait.offer = self._offer_of(self._record_of(wait.request), wait.request)
        self.line.again(wait, news=news)
        return None

    def _wait(self, request: LeaseRequest, *, seconds: int, is_abandoned: Callable[[], bool]) -> LeaseResponse:
        deadline = time.monotonic() + seconds
        with self.hub.watch(QUEUE) as watch:
            while True:
                watch.clear()
                if is_abandoned():
                    return LeaseResponse(assigned=False, message=_NOTHING)
                answer = self._try(request, is_waiting=True)
                left = deadline - time.monotonic()
                if answer.message != _NOTHING or left <= 0 or self.hub.is_closed:
                    return answer
                watch.wait(min(left, self._until_due()))
                self.presence.touch(request.agent_id)

    def _until_due(self) -> float:
        """Return the seconds until a postponed execution can be claimed; `WAIT_LIMIT_SECONDS` when there is none."""
        due = self.store.look(lambda view: view.jobs.next_due())
        return WAIT_LIMIT_SECONDS if due is None else max(0.01, (due - self.clock()).total_seconds())

    def claim(self, request: LeaseRequest) -> Claimed:
        """Claim an execution for the agent, without a wait for one. What was found is for `hand_over`, once it is durable.

        Raises:
            InvalidRequest: No agent id, or a bad one.
            AgentIdInUse: Another process has the id.
        """
        return self._take(_checked(request), is_waiting=False)

    def hand_over(self, found: Claimed, request: LeaseRequest, *, is_waiting: bool = False) -> LeaseResponse:
        """Return the answer that gives *found* to its agent; if its secrets can't be read now, try the next one while time is left."""
        stop_at = time.monotonic() + _TRY_SECONDS
        while True:
            answer = found if isinstance(found, LeaseResponse) else self.handover.deliver(found)
            if answer is not None:
                return answer if request.reads_ranges else _without_ranges(answer)
            if time.monotonic() >= stop_at:
                return LeaseResponse(assigned=False, message=_NOTHING)
            found = self._take(request, is_waiting=is_waiting)

    def _try(self, request: LeaseRequest, *, is_waiting: bool = False) -> LeaseResponse:
        found = self._take(request, is_waiting=is_waiting)
        return self.hand_over(found, request, is_waiting=is_waiting)

    def _take(self, request: LeaseRequest, *, is_waiting: bool) -> Claimed:
        """Check and claim in one transaction, so that simultaneous requests of one agent, or of one slot, get one job.

        Args:
            is_waiting: The request is one that waits. Then what its agent holds came with a later request, because the
                connection of this one broke. So nothing is offered again or given up on account of it.
        """
        if self.pause.is_on:
            return LeaseResponse(assigned=False, message=SERVER_IS_UPDATING)
        if self.lull.is_set() and self.store.look(lambda view: self._finds_nothing(view, request)):
            return LeaseResponse(assigned=False, message=_NOTHING)
        reach = Reach(agent=request.agent_id, is_claim=True)
        found = self.store.write(lambda tx: self._choose(tx, request, is_waiting=is_waiting), reach=reach)
        if isinstance(found, JobRecord):
            self.lull.clear()
        else:
            self.lull.set()
        return found

    def _finds_nothing(self, view: View, request: LeaseRequest) -> bool:
        """Tell whether nothing is to be done for the agent. Idle agents ask often, and need not wait for those that take jobs."""
        now = self.clock()
        self._foresee(view, request, now=now)
        agent_id = request.agent_id
        record = view.agents.find(agent_id)
        self.processes.check(record, request.process)
        if withdrawal(view, agent_id) or self.presence.is_draining(agent_id):
            return False  # the answer tells why
        if view.jobs.active_of_agent(agent_id) or view.jobs.due(now):
            return False
        if rests_of(view, agent_id=agent_id, slot=request.slot, now=now):
            return False
        return not view.jobs.is_any_claimable(self._acceptance(view, record, request))

    def _foresee(self, view: View, request: LeaseRequest, *, now: datetime) -> None:
        view.foresee(
            lambda view: view.agents.find(request.agent_id),
            lambda view: view.jobs.active_of_agent(request.agent_id),
            lambda view: view.jobs.due(now),
            lambda view: view.jobs.is_any_claimable(lambda _kind: False),
            lambda view: self.policies.of_queues(view).pauses,
            lambda view: resting(view, now=now),
        )

    def _acceptance(self, view: View, record: AgentRecord | None, request: LeaseRequest) -> Accepts:
        """Return what tells whether the agent can take executions of a kind now."""
        offer = self._offer_of(record, request)
        rules = self.policies.of_agent(view, host=_host_of(record, request))
        return lambda kind: offer.meets(kind) and rules.allow(kind)

    def _record_of(self, request: LeaseRequest) -> AgentRecord | None:
        return self.store.look(lambda view: view.agents.find(request.agent_id))

    def _offer_of(self, record: AgentRecord | None, request: LeaseRequest) -> Offer:
        return self.offers.of(record, agent_id=request.agent_id, overlay=request.capabilities)

    def _choose(self, tx: Transaction, request: LeaseRequest, *, is_waiting: bool) -> Claimed:
        now = self.clock()
        self._foresee(tx, request, now=now)
        record = tx.agents.find(request.agent_id)
        self.processes.check(record, request.process)
        gone = withdrawal(tx, request.agent_id)
        if gone and not gone.ends_work:
            return LeaseResponse(assigned=False, message=gone.text)
        if self.presence.is_draining(request.agent_id):
            return LeaseResponse(assigned=False, message=_DRAINING)
        active = tx.jobs.active_of_agent(request.agent_id)
        others = [job for job in active if self._is_of_another_slot(job, request)]
        for held in active:
            if held in others:
                continue
            if held.lease_hash and not request.sends_token:
                # An agent that got a token would say so again: this is another program with its id.
                return LeaseResponse(assigned=False, message=_ACTIVE)
            if self._is_resolved_elsewhere(held):
                return LeaseResponse(assigned=False, message=_ACTIVE)
            if not is_waiting and self._is_unanswered(held, request):
                return self._give_again(tx, held, request)
            is_repeat = bool(request.request_id) and request.request_id == held.lease_request_id
            if held.status is JobStatus.LEASED or is_waiting or is_repeat or not self._give_up(tx, held, request):
                return LeaseResponse(assigned=False, message=_ACTIVE)
        if len(others) >= max(1, request.slots):
            return LeaseResponse(assigned=False, message=_ACTIVE)
        if rests := rests_of(tx, agent_id=request.agent_id, slot=request.slot, now=now):
            end_rests(tx, rests, now=now)
            tx.after_commit(lambda: self.hub.publish(QUEUE))
        # Only now: what the agent has already is given to it again, since it may end that.
        if gone:
            return LeaseResponse(assigned=False, message=gone.text)
        job = self._claim(tx, request, record, now=now)
        return job or LeaseResponse(assigned=False, message=_NOTHING)

    def _claim(
        self, tx: Transaction, request: LeaseRequest, record: AgentRecord | None, *, now: datetime
    ) -> JobRecord | None:
        self.handover.release_due(tx, now=now)
        accepts = self._acceptance(tx, record, request)
        while True:
            job = tx.jobs.claimable(accepts)
            if job is None:
                return None
            if not self.handover.postpone(tx, job):
                break
        leased = advance(
            job,
            Event.LEASE,
            now=now,
            agent_id=request.agent_id,
            lease_request_id=request.request_id,
            default_timeout_seconds=0 if job.timeout_seconds else self.default_timeout_seconds,
            lease_process=process_key(request.process),
            lease_slot=request.slot,
            lease_server=self.members.own.instance_id,
            lock_host=_host_of(record, request) if job.locks else "",
            lease_hash="",
            job_token_hash="",
        )
        if request.sends_token:
            leased = self.tokens.renew(leased)
        self.settler.put(tx, leased, before=job)
        return leased

    def _is_of_another_slot(self, held: JobRecord, request: LeaseRequest) -> bool:
        """Tell whether *held* is no concern of the slot that asks, because another slot of its process has it.

        All that a process before it has left is the concern of whichever slot asks first.
        """
        if request.slot <= 0:
            return False
        if held.lease_process:
            return held.lease_process == process_key(request.process) and held.lease_slot != request.slot
        # Begun after its lease had run out. Which slot runs it was not told, but that one does not ask now.
        return held.status is JobStatus.RUNNING and self.presence.says_it_runs(held.agent_id, held.id)

    def _is_unanswered(self, held: JobRecord, request: LeaseRequest) -> bool:
        """Tell whether the answer that gave *held* to this agent was lost.

        It was if the agent repeats the request, or asks after `REOFFER_AFTER`, or if it went to an earlier process.
        """
        if held.status is not JobStatus.LEASED or held.leased is None:
            return False
        if _is_of_earlier_process(held, request):
            return True
        if request.request_id and request.request_id == held.lease_request_id:
            return True
        return self.clock() - held.leased >= REOFFER_AFTER

    def _is_resolved_elsewhere(self, held: JobRecord) -> bool:
        """Tell whether another server may just be reading the secrets of *held*, which takes it less than `REOFFER_AFTER`."""
        if held.status is not JobStatus.LEASED or held.leased is None or not needs_secrets(held):
            return False
        server = held.lease_server
        is_of_another = server != self.members.own.instance_id and self.members.is_alive(server)
        return is_of_another and self.clock() - held.leased < REOFFER_AFTER

    def _give_again(self, tx: Transaction, held: JobRecord, request: LeaseRequest) -> JobRecord:
        """Return *held* as it is leased to the slot that asks; to another process, or by another server, the lease is a new one."""
        given = held
        if _is_of_earlier_process(held, request):
            given = msgspec.structs.replace(
                self.tokens.renew(held) if request.sends_token else held,
                leased=self.clock(),
                lease_request_id=request.request_id,
                lease_process=process_key(request.process),
                lease_slot=request.slot,
            )
        elif held.lease_hash and not self.tokens.find(held).lease:  # this server has been started anew since
            given = self.tokens.renew(held)
        own = self.members.own.instance_id
        if held.lease_server != own:
            given = msgspec.structs.replace(given, leased=self.clock(), lease_server=own)
        if given is not held:
            self.settler.put(tx, given)
        tx.after_commit(lambda: logger.info("lease offered again execution=%s agent=%s", given.id, given.agent_id))
        return given

    def _give_up(self, tx: Transaction, held: JobRecord, request: LeaseRequest) -> bool:
        """Fail a running execution whose agent asks for other work, and tell whether it was failed.

        An agent never asks while it runs an execution, so it has lost this one. Three cases look alike and are spared: an
        execution that started less than `REOFFER_AFTER` ago, where the request may come from a second agent with the
        same id; one that the agent's last heartbeat named, where an older request arrived late; and all of an agent of
        which no heartbeat is known, because this server, or the database, has been started anew. None of these can be if
        an earlier process had it.
        """
        if _is_of_earlier_process(held, request):
            self.losses.end(tx, held, reason="an earlier process of it was running this job")
            return True
        if held.started is not None and self.clock() - held.started < REOFFER_AFTER:
            return False
        if self.presence.says_it_runs(held.agent_id, held.id) or not self.presence.has_reported(held.agent_id):
            return False
        self.losses.end(tx, held, reason="it asked for new work while this job was running")
        return True


def _checked(request: LeaseRequest) -> LeaseRequest:
    if not request.agent_id.strip():
        raise no_agent_id()
    check_agent_id(request.agent_id)
    return kept_lease(request)


def _host_of(record: AgentRecord | None, request: LeaseRequest) -> str:
    return host_of(record, agent_id=request.agent_id, process=request.process)


def _is_of_earlier_process(held: JobRecord, request: LeaseRequest) -> bool:
    """Tell whether *held* was leased to another process than the one that asks, which has the agent's id now."""
    return bool(held.lease_process and request.process) and held.lease_process != process_key(request.process)


def _without_ranges(answer: LeaseResponse) -> LeaseResponse:
    """Return *answer* with requirements that every agent can read."""
    job = answer.job_execution
    if job is None or not job.required_capabilities:
        return answer
    required = for_older_agents(job.required_capabilities)
    return msgspec.structs.replace(answer, job_execution=msgspec.structs.replace(job, required_capabilities=required))
