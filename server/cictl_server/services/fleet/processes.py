"""Which process works with an agent's id. Two at once would mix up each other's jobs, so the second is refused."""

from __future__ import annotations

import logging

import msgspec

from cictl.wire.agents import AgentProcess
from cictl_server.errors import AgentIdInUse
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.store.records.agents import AgentRecord

logger = logging.getLogger(__name__)


class ProcessGuard(msgspec.Struct, frozen=True, kw_only=True):
    """Admits one process for each agent id. An agent that does not tell its process is never refused."""

    presence: PresenceBook

    def admit(self, record: AgentRecord | None, process: AgentProcess | None) -> None:
        """Return if *process* has the id, or may have it from now on.

        It may when nobody has it, when it began where the process that has it must have ended, or when that one is offline.

        Raises:
            AgentIdInUse: Another process has the id and lives.
        """
        if record is None or record.process is None or process is None or process == record.process:
            return
        if not process.follows(record.process) and not self.presence.is_gone(record):
            raise self._refusal(record.agent_id, record.process, process)

    def check(self, record: AgentRecord | None, process: AgentProcess | None) -> None:
        """Return if *process* has the id: its heartbeat must have been admitted.

        Raises:
            AgentIdInUse: Another process has it.
        """
        if record and record.process and process and process != record.process:
            raise self._refusal(record.agent_id, record.process, process)

    def _refusal(self, agent_id: str, owner: AgentProcess, rival: AgentProcess) -> AgentIdInUse:
        if self.presence.note_rival(agent_id, rival):
            logger.warning(
                "a second process with one id is refused agent=%s: %s, while %s has it",
                agent_id,
                rival.told,
                owner.told,
            )
            self.presence.note(agent_id, f"refused a second process with this id: {rival.told}; {owner.told} has it")
        return AgentIdInUse(agent_id, owner=owner.told, rival=rival.told)


def process_key(process: AgentProcess | None) -> str:
    """Return what tells the processes of one agent apart; empty for an agent that does not tell its process."""
    return f"{process.pid}@{process.host}/{process.started_utc.isoformat()}" if process else ""
