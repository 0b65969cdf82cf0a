"""The actions of admins on agents."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from cictl.installation.releases.settings import NO_REPOSITORY, ReleaseSettings
from cictl.wire.agents import Action, AgentActionRequest, AgentActionResponse, Order, QueuedScript
from cictl.wire.events import EventKind
from cictl_server.errors import InvalidRequest
from cictl_server.services.agents.scripts import ScriptService
from cictl_server.services.core.deeds import note_action, note_details
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.hub import Hub
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.services.fleet.lookup import get_agent_record
from cictl_server.services.fleet.orders import OrderBook
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.rollout import Rollout
from cictl_server.services.fleet.targets import installs_wheels, manual_target
from cictl_server.services.fleet.versions import compare_versions, is_release
from cictl_server.services.jobs.endings.cancel import CancelService
from cictl_server.services.jobs.endings.removal import RemovalService
from cictl_server.services.policies.reasons import checked_reason
from cictl_server.signals.topics import QUEUE, agent_topic
from cictl_server.store.contract import Store, Transaction

logger = logging.getLogger(__name__)

_ACTIONS = {action.value: action for action in Action}
_ORDERS = {order.action: order for order in Order}


class AgentActionService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    cancel: CancelService
    removal: RemovalService
    scripts: ScriptService
    presence: PresenceBook
    orders: OrderBook
    rollout: Rollout
    events: EventLog
    hub: Hub
    server_version: str
    releases: ReleaseSettings

    def check_id(self, agent_id: str) -> None:
        """Refuse an id that no agent can have. Call it before anything else of the request is checked.

        Raises:
            InvalidRequest: It is one.
        """
        if not agent_id.strip():
            raise InvalidRequest("agent id is required")
        with self.store.read() as view:
            if view.agents.find(agent_id) is None:
                check_agent_id(agent_id, field="agent id")

    def act(self, agent_id: str, request: AgentActionRequest) -> AgentActionResponse | QueuedScript:
        """Carry out an `Action`.

        Raises:
            InvalidRequest: Blank or unknown action, or what the action itself can't accept.
            NotFound: No such agent.
        """
        name = request.action.strip().lower()
        if not name:
            raise InvalidRequest("action is required")
        action = _ACTIONS.get(name)
        if action is None:
            raise InvalidRequest("unsupported action", hint=f"one of: {', '.join(Action)}")
        note_action(f"agent.{action.past}")
        answer = self._carry_out(agent_id, action, request)
        logger.info("agent action=%s agent=%s", name, agent_id)
        return answer

    def _carry_out(
        self, agent_id: str, action: Action, request: AgentActionRequest
    ) -> AgentActionResponse | QueuedScript:
        match action:
            case Action.ACTIVATE:
                return self._activate(agent_id)
            case Action.DEACTIVATE:
                return self._deactivate(agent_id)
            case Action.DRAIN:
                return self._drain(agent_id, checked_reason(request.reason))
            case Action.FLUSH_JOB_HISTORY:
                return self._flush_history(agent_id)
            case Action.UPDATE:
                return self._update(agent_id)
            case Action.RUN_SCRIPT:
                queued = self.scripts.enqueue(agent_id, request)
                self.presence.note(agent_id, f"ad-hoc script queued ({queued.shell}) job={queued.job_execution_id}")
                return queued
            case _:
                return self._send(agent_id, _ORDERS[action])

    def _send(self, agent_id: str, order: Order, *, news: str = "") -> AgentActionResponse:
        """Give *order* to the agent. *news*, what the server did, is added to the message."""
        self._check_known(agent_id)
        self.orders.give(agent_id, order)
        self.presence.note(agent_id, order.asked)
        return AgentActionResponse(requested=True, agent_id=agent_id, message=order.answer + news)

    def _activate(self, agent_id: str) -> AgentActionResponse:
        """Let the agent get work, whether it was deactivated or drains."""
        self.store.write(lambda tx: self._withdraw(tx, agent_id, deactivated=False, drain_reason=""))
        return self._withdrawn(agent_id, "manual activation requested", "agent activated")

    def _deactivate(self, agent_id: str) -> AgentActionResponse:
        """Give the agent no work, and cancel what it holds in the same transaction."""

        def deactivate(tx: Transaction) -> int:
            self._withdraw(tx, agent_id, deactivated=True)
            cancelled = self.cancel.cancel_active_of(tx, agent_id)
            note_details(cancelled_jobs=cancelled or "")
            return cancelled

        cancelled = self.store.write(deactivate)
        answer = self._withdrawn(agent_id, "manual deactivation requested", "agent deactivated")
        if not cancelled:
            return answer
        self.presence.note(agent_id, f"deactivation cancelled active job count={cancelled}")
        return msgspec.structs.replace(answer, message=f"{answer.message}; cancelled active jobs={cancelled}")

    def _drain(self, agent_id: str, reason: str) -> AgentActionResponse:
        """Let the agent end what it holds, and give it no other work."""

        def drain(tx: Transaction) -> int:
            self._withdraw(tx, agent_id, drain_reason=reason)
            note_details(reason=reason)
            return len(tx.jobs.active_of_agent(agent_id))

        held = self.store.write(drain)
        return self._withdrawn(agent_id, f"drain requested: {reason}", f"agent drains; active jobs={held}")

    def _withdraw(self, tx: Transaction, agent_id: str, **changes: Any) -> None:
        """Change in the agent's record whether it gets work."""
        before = get_agent_record(tx, agent_id)
        after = msgspec.structs.replace(before, **changes)
        if after != before:
            tx.agents.put(after)
            tx.after_commit(lambda: self.events.add(EventKind.AGENT, agent_id))

    def _withdrawn(self, agent_id: str, line: str, message: str) -> AgentActionResponse:
        """Tell of the change in the agent's log, and to the leases that wait."""
        self.presence.note(agent_id, line)
        self.hub.publish(QUEUE)
        self.hub.publish(agent_topic(agent_id))
        return AgentActionResponse(requested=True, agent_id=agent_id, message=message)

    def _flush_history(self, agent_id: str) -> AgentActionResponse:
        """Remove what the agent ran from the history, and order the agent to remove its own files."""
        self._check_known(agent_id)
        count = self.removal.flush_history(agent_id=agent_id)
        return self._send(agent_id, Order.FLUSH_JOB_HISTORY, news=f": sqlite={count}, disk={count}, local=queued")

    def _update(self, agent_id: str) -> AgentActionResponse:
        """Order the agent to update at its next idle heartbeat.

        Raises:
            InvalidRequest: The server is not a release, or the agent can't install the releases of this server.
            NotFound: No such agent.
        """
        if not is_release(self.server_version):
            raise InvalidRequest("server version is not a release version")
        with self.store.read() as view:
            target = manual_target(view, server_version=self.server_version)
            record = get_agent_record(view, agent_id)
        if compare_versions(target, record.version) == 0:
            self.presence.note(agent_id, "manual update requested but agent is already at target version")
            return AgentActionResponse(requested=False, message="agent is already at target version")
        if not self.releases.names_a_place:
            raise InvalidRequest(NO_REPOSITORY)
        if installs_wheels(record.capabilities) != self.releases.has_wheels:
            raise InvalidRequest("agent can't update itself", hint="install the version on its machine")
        self.rollout.order(agent_id, target)
        self.presence.note(agent_id, f"manual update requested to {target}")
        return AgentActionResponse(requested=True, agent_id=agent_id, target=target)

    def _check_known(self, agent_id: str) -> None:
        with self.store.read() as view:
            get_agent_record(view, agent_id)
