"""The heartbeats of agents, and agents as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

import msgspec

from cictl.base.clock import Clock
from cictl.installation.releases.settings import ReleaseSettings
from cictl.wire.agents import GREETING, Agent, AgentProcess, HeartbeatRequest, HeartbeatResponse
from cictl.wire.events import EventKind
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.ids import job_number
from cictl_server.services.core.resting_locks import Rest, end_rests, resting
from cictl_server.services.fleet.limits import FleetLimits, check_agent_id, kept_heartbeat
from cictl_server.services.fleet.lookup import get_agent_record
from cictl_server.services.fleet.orders import Handout, OrderBook
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.processes import ProcessGuard
from cictl_server.services.fleet.rollout import Decision, Rollout
from cictl_server.services.fleet.targets import automatic_target, installs_wheels
from cictl_server.services.fleet.versions import compare_versions, is_newer
from cictl_server.services.fleet.wanted_tools import TOOL_SOURCES, ToolList, WantedTools
from cictl_server.services.jobs.endings.losses import LostWork
from cictl_server.services.policies.out_of_service import take_state
from cictl_server.signals.topics import QUEUE, agent_topic
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.agents import AgentRecord

_STATUS_BYTES = 240
_SEEN_STEP = timedelta(days=1)
"""How old the stored time of an agent's last heartbeat may get. After a restart it tells who has been silent for long."""


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says about the agent of a heartbeat.

    Attributes:
        record: None for an agent that is unknown.
        target: The version that every agent is asked to run; empty for none.
        is_busy: It must not end for an update now.
        over: The executions that it runs but must stop.
        tools: Those that it should look for; None if it looks for none on demand, or has looked for these.
        ended: The locks that rest although it has ended what had them.
    """

    record: AgentRecord | None
    target: str
    is_busy: bool
    over: list[str]
    tools: ToolList | None
    ended: list[Rest]


class AgentService(msgspec.Struct, frozen=True, kw_only=True):
    """The registry of agents: identity, capabilities and whether it gets work in the store, presence in memory."""

    store: Store
    losses: LostWork
    presence: PresenceBook
    processes: ProcessGuard
    orders: OrderBook
    rollout: Rollout
    wanted_tools: WantedTools
    limits: FleetLimits
    events: EventLog
    hub: Hub
    clock: Clock
    server_version: str
    releases: ReleaseSettings

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        """Note that the agent is alive, and answer with what it should do.

        The greeting of a new process ends what the old one ran. An answer that asks for an update carries no orders,
        because the agent ends for the update before it carries them out. A process that ends gets no orders.

        Raises:
            InvalidRequest: No agent id, or a bad one.
            AgentIdInUse: Another process has the id.
            LimitReached: The agent is unknown, and no more may be known.
        """
        check_agent_id(request.agent_id)
        request = kept_heartbeat(request)
        agent_id = request.agent_id
        status = _one_line(request.restart_status)
        state = self.store.look(lambda view: self._state(view, request))
        former = self._remember(request, state.record)
        if request.leaving:
            return HeartbeatResponse(accepted=True)
        is_new = status.startswith(GREETING) and self.presence.is_new_start(agent_id, status)
        if is_new or former is not None:
            self.losses.end_running_of(agent_id, reason=_new_start(request.process, former))
            state = self.store.look(lambda view: self._state(view, request))
        has_changed = self.presence.beat(
            agent_id,
            version=request.version,
            platform=f"{request.os}/{request.arch}",
            running=request.running_job_ids or (),
            is_draining=request.draining,
            tools_looked_for=request.tools_looked_for,
        )
        if state.ended:
            self.store.write(lambda tx: end_rests(tx, state.ended, now=self.clock()))
        if has_changed or state.ended:  # leases that wait must see it
            self.hub.publish(QUEUE)
            self.hub.publish(agent_topic(agent_id))
        decision = self._decide(request, state)
        self.orders.confirm(agent_id, received=request.orders_received, has_restart_status=bool(status))
        handout = self.orders.hand_out(agent_id) if not decision.target else Handout()
        told = (
            status.removeprefix("ciwi ") if request.process else status
        )  # the wire's greeting has it, ours is another name
        for line in _lines(handout, decision, restart_status=told):
            self.presence.note(agent_id, line)
        return self._answer(handout, decision, state, rival=self.presence.rival(agent_id))

    def list_agents(self) -> list[Agent]:
        """Return all known agents by id."""
        with self.store.read() as view:
            return [self._view(view, record) for record in view.agents.iter_all()]

    def get_agent(self, agent_id: str) -> Agent:
        """Return one agent.

        Raises:
            InvalidRequest: The id is blank.
            NotFound: No such agent.
        """
        if not agent_id.strip():
            raise InvalidRequest("agent id is required")
        with self.store.read() as view:
            return self._view(view, get_agent_record(view, agent_id))

    def _state(self, view: View, request: HeartbeatRequest) -> _State:
        agent_id, now = request.agent_id, self.clock()
        view.foresee(
            lambda view: resting(view, now=now),
            lambda view: view.agents.find(agent_id),
            lambda view: automatic_target(view, server_version=self.server_version),
            lambda view: view.jobs.active_of_agent(agent_id),
            *(partial(_may_run, job_id=job_id, agent_id=agent_id) for job_id in request.running_job_ids or []),
            *(TOOL_SOURCES if request.tools_looked_for is not None else ()),
        )
        return _State(
            record=view.agents.find(agent_id),
            target=automatic_target(view, server_version=self.server_version),
            # An agent with several slots may never be without a job. It installs beside them, and then begins no other.
            is_busy=request.slots <= 1 and bool(view.jobs.active_of_agent(agent_id)),
            over=[
                job_id
                for job_id in request.running_job_ids or []
                if not _may_run(view, job_id=job_id, agent_id=agent_id)
            ],
            tools=self._tools_to_look_for(view, request),
            ended=_ended(resting(view, now=now), request),
        )

    def _remember(self, request: HeartbeatRequest, known: AgentRecord | None) -> AgentProcess | None:
        """Store the agent if anything other than the time of its heartbeat changed, or that is a day ago.

        Returns:
            The process that had its id before, if that was another one.

        Raises:
            AgentIdInUse: That process lives.
            LimitReached: No more agents may be known.
        """
        now = self.clock()
        if known is not None and _described(known, request) == known and now - known.seen < _SEEN_STEP:
            return None
        former = self.store.write(lambda tx: self._admit(tx, request, now))
        self.hub.publish(QUEUE)  # a lease that waits may find work for what the agent now offers
        self.hub.publish(agent_topic(request.agent_id))
        return former if request.process and former != request.process else None

    def _admit(self, tx: Transaction, request: HeartbeatRequest, now: datetime) -> AgentProcess | None:
        """Store the agent as *request* describes it, and return the process that had its id."""
        known = tx.agents.find(request.agent_id)
        if known is None:
            self.limits.check_count(tx.agents.count())
            known = take_state(tx, AgentRecord(agent_id=request.agent_id, seen=now))
        self.processes.admit(known, request.process)
        tx.agents.put(msgspec.structs.replace(_described(known, request), seen=now))
        tx.after_commit(lambda: self.events.add(EventKind.AGENT, request.agent_id))
        return known.process

    def _decide(self, request: HeartbeatRequest, state: _State) -> Decision:
        return self.rollout.beat(
            request.agent_id,
            version=request.version,
            automatic_target=state.target,
            is_busy=state.is_busy,
            failure=_one_line(request.update_failure),
            can_update=self.releases.names_a_place
            and installs_wheels(request.capabilities) == self.releases.has_wheels,
        )

    def _tools_to_look_for(self, view: View, request: HeartbeatRequest) -> ToolList | None:
        if request.tools_looked_for is None:
            return None
        wanted = self.wanted_tools.current(view)
        return wanted if wanted.names and wanted.id != request.tools_looked_for else None

    def _answer(
        self, handout: Handout, decision: Decision, state: _State, *, rival: AgentProcess | None
    ) -> HeartbeatResponse:
        is_update, tools = bool(decision.target), state.tools
        answer = HeartbeatResponse(
            accepted=True,
            message="server requested agent update" if is_update else "",
            update_requested=is_update,
            update_target=decision.target,
            update_repository=self.releases.repository if is_update else "",
            update_api_base=self.releases.api_base if is_update else "",
            cancel_job_ids=state.over,
            orders_id=handout.id,
            rival=rival,
            wanted_tools=list(tools.names) if tools else [],
            wanted_tools_id=tools.id if tools else "",
        )
        return msgspec.structs.replace(answer, **dict.fromkeys((order.flag for order in handout.orders), True))

    def _view(self, view: View, record: AgentRecord) -> Agent:
        manual, schedule = self.rollout.manual_target(record.agent_id), self.rollout.schedule(record.agent_id)
        active = len(view.jobs.active_of_agent(record.agent_id))
        differs = bool(schedule.target) and compare_versions(schedule.target, record.version) != 0
        return Agent(
            agent_id=record.agent_id,
            hostname=record.hostname,
            os=record.os,
            arch=record.arch,
            version=record.version,
            capabilities=record.capabilities or None,
            last_seen_utc=self.presence.seen_at(record.agent_id) or record.seen,
            deactivated=record.deactivated,
            draining=bool(record.drain_reason),
            drain_reason=record.drain_reason,
            job_in_progress=active > 0,
            recent_log=self.presence.lines(record.agent_id),
            needs_update=is_newer(self.server_version, than=record.version),
            update_target=manual or schedule.target or self.server_version,
            update_requested=bool(manual) or differs,
            update_attempts=schedule.attempts,
            update_in_progress=schedule.is_in_progress,
            update_last_request_utc=schedule.last_request,
            update_next_retry_utc=schedule.next_retry,
            update_last_error=schedule.last_error,
            update_last_error_utc=schedule.last_error_at,
            process=record.process,
            rival=self.presence.rival(record.agent_id),
            slots=record.slots if record.slots > 1 else 0,
            slots_busy=active if record.slots > 1 else 0,
        )


def _lines(handout: Handout, decision: Decision, *, restart_status: str) -> Iterator[str]:
    """Yield what a heartbeat adds to the agent's log, in the contract's order."""
    yield from (order.handed_out for order in handout.orders)
    yield from decision.lines
    if restart_status:
        yield f"agent restart status: {restart_status}"
    if decision.target:
        yield f"server requested update to {decision.target} (attempt={decision.attempt})"


def _ended(rests: Iterable[Rest], request: HeartbeatRequest) -> list[Rest]:
    """Return those of *rests* whose executions the agent says it runs no more; none if it does not tell what it runs."""
    if request.running_job_ids is None:
        return []
    own = (rest for rest in rests if rest.agent_id == request.agent_id)
    return [rest for rest in own if rest.job_id not in request.running_job_ids]


def _may_run(view: View, *, job_id: str, agent_id: str) -> bool:
    """Tell whether the agent may run the execution: it is not over, and nobody else holds it."""
    try:
        job = view.jobs.find(job_number(job_id))
    except NotFound:
        return False
    return job is not None and not job.status.is_terminal and job.agent_id in ("", agent_id)


def _described(record: AgentRecord, request: HeartbeatRequest) -> AgentRecord:
    return msgspec.structs.replace(
        record,
        hostname=request.hostname,
        os=request.os,
        arch=request.arch,
        version=request.version,
        capabilities=request.capabilities,
        process=None if request.leaving else request.process,
        slots=max(1, request.slots),
    )


def _new_start(process: AgentProcess | None, former: AgentProcess | None) -> str:
    """Return why a new process of an agent ends what the one before it ran."""
    told = f"it has started anew ({process.told})" if process else "it has started anew"
    return (
        f"{told}, after {former.told}, while this job was running" if former else f"{told} while this job was running"
    )


def _one_line(text: str) -> str:
    """Fold white space and cut to 240 bytes of UTF-8 without splitting a character."""
    if not text:
        return text  # as at nearly all heartbeats
    folded = " ".join(text.split())
    if len(folded.encode()) <= _STATUS_BYTES:
        return folded
    return folded.encode()[: _STATUS_BYTES - 3].decode(errors="ignore").rstrip() + "..."
