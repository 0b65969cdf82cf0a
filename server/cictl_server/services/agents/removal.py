"""Removing agents: one that a user names, and those that were silent for long."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from cictl.base.clock import Clock
from cictl.base.names.agent_ids import is_agent_id
from cictl.wire.agents import RemovedAgent
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl.wire.events import EventKind
from cictl_server.errors import Conflict
from cictl_server.services.core.deeds import deed_of_system, note_details, note_made
from cictl_server.services.core.events import EventLog
from cictl_server.services.fleet.limits import FleetLimits
from cictl_server.services.fleet.lookup import get_agent_record
from cictl_server.services.fleet.orders import OrderBook
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.rollout import Rollout
from cictl_server.services.jobs.endings.cancel import CancelService
from cictl_server.services.policies.out_of_service import keep_state
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.agents import AgentRecord

logger = logging.getLogger(__name__)

_LISTENING = timedelta(hours=1)
"""How long agents must have been able to report before it forgets anybody: agents that live report within that time."""


class AgentRemoval:
    def __init__(
        self,
        *,
        store: Store,
        cancel: CancelService,
        presence: PresenceBook,
        orders: OrderBook,
        rollout: Rollout,
        events: EventLog,
        clock: Clock,
        limits: FleetLimits,
    ) -> None:
        self._store = store
        self._cancel = cancel
        self._presence = presence
        self._orders = orders
        self._rollout = rollout
        self._events = events
        self._clock = clock
        self._limits = limits

    def remove(self, agent_id: str, *, force: bool) -> RemovedAgent:
        """Forget an agent. If its process lives, its next heartbeat makes it known again, as a new one.

        One that is deactivated or drains still is then.

        Args:
            force: Remove it although it is online, and cancel what it holds.

        Raises:
            NotFound: No such agent.
            Conflict: It is online or holds an execution, and *force* is not set.
        """

        def remove(tx: Transaction) -> int:
            record = get_agent_record(tx, agent_id)
            if not force and (reason := self._obstacle(tx, record)):
                raise Conflict(reason, hint="stop its process first; or --force removes it all the same")
            cancelled = self._cancel.cancel_active_of(tx, agent_id)
            self._delete(tx, record)
            note_details(cancelled_jobs=cancelled or "")
            return cancelled

        cancelled = self._store.write(remove)
        logger.info("agent removed agent=%s cancelled=%d", agent_id, cancelled)
        return RemovedAgent(removed=True, agent_id=agent_id, cancelled_jobs=cancelled)

    def forget_silent(self) -> None:
        """Forget the agents that were silent for too long. Those that hold an execution stay, and those that are deactivated or drain.

        An agent whose id no agent may have any more, from an earlier version, can't report again, so it goes whatever it is.
        """
        if self._clock() - self._presence.listening_since < _LISTENING:
            return
        with self._store.read() as view:
            silent = [record.agent_id for record in view.agents.iter_all() if self._is_forgotten(view, record)]
        if not silent:
            return
        with deed_of_system(AuditAction.AGENT_REMOVED, awaits=TargetKind.AGENT):
            forgotten = self._store.write(lambda tx: self._forget(tx, silent))
        for agent_id in forgotten:
            logger.info("agent forgotten agent=%s", agent_id[:200])

    def _forget(self, tx: Transaction, silent: list[str]) -> list[str]:
        """Remove those of the agents *silent* that still may be forgotten, and return them."""
        found = [record for agent_id in silent if (record := tx.agents.find(agent_id)) is not None]
        forgotten = [record for record in found if self._is_forgotten(tx, record)]
        for record in forgotten:
            self._delete(tx, record)
            note_made(TargetKind.AGENT, record.agent_id)
        return [record.agent_id for record in forgotten]

    def _obstacle(self, view: View, record: AgentRecord) -> str:
        if view.jobs.active_of_agent(record.agent_id):
            return "agent has a job"
        return "agent is online" if self._presence.is_online(record.agent_id) else ""

    def _is_forgotten(self, view: View, record: AgentRecord) -> bool:
        if view.jobs.active_of_agent(record.agent_id):
            return False
        if not is_agent_id(record.agent_id):
            return True
        return not record.is_withdrawn and self._is_silent(record.seen, self._presence.seen_at(record.agent_id))

    def _is_silent(self, stored: datetime, heard: datetime | None) -> bool:
        after = self._limits.forget_after
        return bool(after) and self._clock() - max(stored, heard or stored) >= after

    def _delete(self, tx: Transaction, record: AgentRecord) -> None:
        agent_id = record.agent_id
        tx.agents.delete(agent_id)
        if is_agent_id(agent_id):
            keep_state(tx, record)

        def forget() -> None:
            for book in (self._presence, self._orders, self._rollout):
                book.forget(agent_id)
            self._events.add(EventKind.AGENT, agent_id)

        tx.after_commit(forget)
