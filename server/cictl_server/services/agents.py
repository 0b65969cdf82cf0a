"""The agents that the server knows: their heartbeats, views and actions."""

from __future__ import annotations

import msgspec

from cictl.wire.agents import Agent, AgentActionRequest, AgentActionResponse, HeartbeatRequest, HeartbeatResponse
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.hub import QUEUE, Hub
from cictl_server.services.ids import Clock, job_number
from cictl_server.services.jobs import JobService
from cictl_server.services.presence import PresenceBook
from cictl_server.store.contract import Store, View
from cictl_server.store.records import AgentRecord

_STATUS_BYTES = 240


class AgentService:
    """The registry: identity, capabilities and the deactivated flag in the store, presence in memory."""

    def __init__(
        self, *, store: Store, jobs: JobService, presence: PresenceBook, hub: Hub, clock: Clock, server_version: str
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._presence = presence
        self._hub = hub
        self._clock = clock
        self._server_version = server_version

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        """Note that the agent lives, and answer with what it should do.

        Raises:
            InvalidRequest: No agent id.
        """
        if not request.agent_id:
            raise InvalidRequest("agent_id is required")
        self._remember(request)
        self._presence.beat(request.agent_id, version=request.version, platform=f"{request.os}/{request.arch}")
        if status := _one_line(request.restart_status):
            self._presence.note(request.agent_id, f"agent restart status: {status}")
        return HeartbeatResponse(accepted=True, cancel_job_ids=self._over(request.running_job_ids or []))

    def list_agents(self) -> list[Agent]:
        """Return every agent ever heard of, by id."""
        with self._store.read() as view:
            return [self._view(view, record) for record in view.agents.iter_all()]

    def get_agent(self, agent_id: str) -> Agent:
        """Return one agent.

        Raises:
            InvalidRequest: The id is blank.
            NotFound: No such agent.
        """
        if not agent_id.strip():
            raise InvalidRequest("agent id is required")
        with self._store.read() as view:
            return self._view(view, _get(view, agent_id))

    def act(self, agent_id: str, request: AgentActionRequest) -> AgentActionResponse:
        """Carry out an admin's order.

        Raises:
            InvalidRequest: Blank agent id, blank or unknown action.
            NotFound: No such agent.
        """
        if not agent_id.strip():
            raise InvalidRequest("agent id is required")
        match request.action.strip().lower():
            case "":
                raise InvalidRequest("action is required")
            case "activate":
                return self._activate(agent_id)
            case "deactivate":
                return self._deactivate(agent_id)
            case _:
                raise InvalidRequest("unsupported action", hint="one of: activate, deactivate")

    def _activate(self, agent_id: str) -> AgentActionResponse:
        self._set_deactivated(agent_id, deactivated=False)
        self._presence.note(agent_id, "manual activation requested")
        self._hub.publish(QUEUE)
        return AgentActionResponse(requested=True, agent_id=agent_id, message="agent activated")

    def _deactivate(self, agent_id: str) -> AgentActionResponse:
        self._set_deactivated(agent_id, deactivated=True)
        self._presence.note(agent_id, "manual deactivation requested")
        self._hub.publish(QUEUE)
        message = "agent deactivated"
        if cancelled := self._jobs.cancel_active_of(agent_id):
            self._presence.note(agent_id, f"deactivation cancelled active job count={cancelled}")
            message += f"; cancelled active jobs={cancelled}"
        return AgentActionResponse(requested=True, agent_id=agent_id, message=message)

    def _set_deactivated(self, agent_id: str, *, deactivated: bool) -> None:
        with self._store.write() as tx:
            record = _get(tx, agent_id)
            if record.deactivated is not deactivated:
                tx.agents.put(msgspec.structs.replace(record, deactivated=deactivated))

    def _remember(self, request: HeartbeatRequest) -> None:
        """Store the agent if anything but the time of its heartbeat changed."""
        with self._store.read() as view:
            known = view.agents.find(request.agent_id)
        if known is not None and _described(known, request) == known:
            return
        now = self._clock()
        with self._store.write() as tx:
            known = tx.agents.find(request.agent_id) or AgentRecord(agent_id=request.agent_id, seen=now)
            tx.agents.put(msgspec.structs.replace(_described(known, request), seen=now))

    def _over(self, job_ids: list[str]) -> list[str]:
        """Return those of the executions that are over on the server, or gone."""
        with self._store.read() as view:
            return [job_id for job_id in job_ids if _is_over(view, job_id)]

    def _view(self, view: View, record: AgentRecord) -> Agent:
        return Agent(
            agent_id=record.agent_id,
            hostname=record.hostname,
            os=record.os,
            arch=record.arch,
            version=record.version,
            capabilities=record.capabilities or None,
            last_seen_utc=self._presence.seen_at(record.agent_id) or record.seen,
            deactivated=record.deactivated,
            job_in_progress=bool(view.jobs.active_of_agent(record.agent_id)),
            recent_log=self._presence.lines(record.agent_id),
            update_target=self._server_version,
        )


def _get(view: View, agent_id: str) -> AgentRecord:
    record = view.agents.find(agent_id)
    if record is None:
        raise NotFound("agent", hint="`cictl agents list` shows the known ones")
    return record


def _is_over(view: View, job_id: str) -> bool:
    try:
        job = view.jobs.find(job_number(job_id))
    except NotFound:
        return True
    return job is None or job.status.is_terminal


def _described(record: AgentRecord, request: HeartbeatRequest) -> AgentRecord:
    return msgspec.structs.replace(
        record,
        hostname=request.hostname,
        os=request.os,
        arch=request.arch,
        version=request.version,
        capabilities=request.capabilities,
    )


def _one_line(text: str) -> str:
    """Fold white space and cut to 240 bytes of UTF-8 without splitting a character."""
    folded = " ".join(text.split())
    if len(folded.encode()) <= _STATUS_BYTES:
        return folded
    return folded.encode()[: _STATUS_BYTES - 3].decode(errors="ignore").rstrip() + "..."
