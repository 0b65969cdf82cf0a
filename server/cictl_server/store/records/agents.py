"""The record of an agent."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.agents import AgentProcess
from cictl_server.store.records.base import Record


class AgentRecord(Record, frozen=True, kw_only=True):
    """An agent as last known. It is written only when more than the time of its heartbeat has changed.

    Attributes:
        process: The process that has its id; None when the agent does not tell, or has ended in good order.
        slots: How many executions it runs at once.
        drain_reason: Why it drains: it ends what it has, and gets no other work. Empty while it does not.
    """

    agent_id: str
    hostname: str = ""
    os: str = ""
    arch: str = ""
    version: str = ""
    capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    deactivated: bool = False
    seen: datetime
    process: AgentProcess | None = None
    slots: int = 1
    drain_reason: str = ""

    @property
    def is_withdrawn(self) -> bool:
        """Whether somebody said that it gets no work."""
        return self.deactivated or bool(self.drain_reason)
