"""The agents as places for jobs: who could take one now, and with which capabilities."""

from __future__ import annotations

from collections.abc import Mapping

from cictl_server.services.presence import PresenceBook
from cictl_server.services.views import Candidate
from cictl_server.store.contract import Store
from cictl_server.store.records import AgentRecord


class Fleet:
    def __init__(self, store: Store, presence: PresenceBook) -> None:
        self._store = store
        self._presence = presence

    def candidates(self) -> list[Candidate]:
        """Return the agents that are activated and were heard of within the last minute, by id."""
        with self._store.read() as view:
            records = list(view.agents.iter_all())
        return [
            Candidate(agent_id=r.agent_id, capabilities=effective_capabilities(r, agent_id=r.agent_id))
            for r in records
            if not r.deactivated and self._presence.is_available(r.agent_id)
        ]


def effective_capabilities(
    record: AgentRecord | None, *, agent_id: str, overlay: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what leasing matches: os, arch and capabilities of the last heartbeat, *overlay*, then the agent's own id."""
    known = {} if record is None else {"os": record.os, "arch": record.arch, **record.capabilities}
    return {**known, **(overlay or {}), "agent_id": agent_id}
