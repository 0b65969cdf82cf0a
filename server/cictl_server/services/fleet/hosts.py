"""The machines that agents run on. What an execution locks, it locks on one of them."""

from __future__ import annotations

from cictl.wire.agents import AgentProcess
from cictl_server.store.records.agents import AgentRecord


def host_of(record: AgentRecord | None, *, agent_id: str, process: AgentProcess | None = None) -> str:
    """Return what names the host of an agent: its host name, which agents on one machine share, else the id of the agent.

    Args:
        record: None before its first heartbeat.
        process: As the agent tells it with a request; that of *record* without.
    """
    process = process or (record.process if record else None)
    names = (process.host if process else "", record.hostname if record else "")
    told = next((name for name in (name.strip().casefold() for name in names) if name), "")
    return told or f"agent {agent_id}"
