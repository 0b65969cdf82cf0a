"""What the tables of agents show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from cictl.base.names.labels import labels_in
from cictl.cli.output.table import Column, Result
from cictl.wire.agents import Agent, AgentList, AgentResponse

# The contract, "Health and state": the age of the last heartbeat up to which an agent counts as online, and as stale.
ONLINE_FOR = timedelta(seconds=20)
STALE_FOR = timedelta(seconds=60)


def agent_state(agent: Agent, now: datetime) -> str:
    """Return online, stale or offline by the agent's last heartbeat; deactivated wins, then draining."""
    if agent.deactivated:
        return "deactivated"
    if agent.draining:
        return "draining"
    age = now - agent.last_seen_utc
    if age <= ONLINE_FOR:
        return "online"
    return "stale" if age <= STALE_FOR else "offline"


def _state(agent: Agent) -> Callable[[datetime], str]:
    return partial(agent_state, agent)


def _update_text(agent: Agent) -> str:
    """Return the state of the update that was requested of the agent; empty when none was."""
    if not agent.update_requested:
        return ""
    parts = [f"to {agent.update_target}", f"attempt {agent.update_attempts}" if agent.update_attempts else ""]
    if agent.update_in_progress:
        parts.append("in progress")
    elif agent.update_next_retry_utc is not None:
        parts.append(f"next attempt at {agent.update_next_retry_utc:%Y-%m-%dT%H:%M:%SZ}")
    else:
        parts.append("next attempt once it is idle")
    return ", ".join(part for part in parts if part)


def _busy_text(agent: Agent) -> str:
    """Return whether the agent works; of one with several slots, how many of them do."""
    if agent.slots > 1:
        return f"{agent.slots_busy}/{agent.slots} busy"
    return "yes" if agent.job_in_progress else "no"


def _labels(agent: Agent) -> list[str]:
    return [f"{key}={value}" for key, value in labels_in(agent.capabilities).items()]


def _facts(agent: Agent) -> list[str]:
    labels = labels_in(agent.capabilities)
    return [f"{key}={value}" for key, value in sorted((agent.capabilities or {}).items()) if key not in labels]


AGENT_COLUMNS: tuple[Column[Agent], ...] = (
    Column("AGENT", lambda a: a.agent_id),
    Column("STATE", _state),
    Column("BUSY", _busy_text),
    Column("SEEN", lambda a: a.last_seen_utc),
    Column("PLATFORM", lambda a: f"{a.os}/{a.arch}"),
    Column("VERSION", lambda a: a.version),
    Column("REASON", lambda a: a.drain_reason, wide=True),
    Column("HOST", lambda a: a.hostname, wide=True),
    Column("EXECUTOR", lambda a: (a.capabilities or {}).get("executor", ""), wide=True),
    Column("SHELLS", lambda a: (a.capabilities or {}).get("shells", ""), wide=True),
    Column("LABELS", lambda a: ",".join(_labels(a)), wide=True),
)


AGENT_DETAILS: tuple[Column[Agent], ...] = (
    Column("Agent", lambda a: a.agent_id),
    Column("State", _state),
    Column("Drains for", lambda a: a.drain_reason),
    Column("Busy", _busy_text),
    Column("Last seen", lambda a: a.last_seen_utc),
    Column("Host", lambda a: a.hostname),
    Column("Process", lambda a: a.process.told if a.process else ""),
    Column("Refused", lambda a: f"{a.rival.told}; it has the same id" if a.rival else ""),
    Column("Platform", lambda a: f"{a.os}/{a.arch}"),
    Column("Version", lambda a: a.version),
    Column("Needs update", lambda a: f"yes, to {a.update_target}" if a.needs_update else ""),
    Column("Update", _update_text),
    Column("Update error", lambda a: a.update_last_error),
    Column("Labels", _labels),
    Column("Capabilities", _facts),
    Column("Recent log", lambda a: a.recent_log),
)


def agents_result(agents: list[Agent]) -> Result[Agent]:
    """Return the list of agents."""
    return Result(
        message=AgentList(agents=agents),
        rows=agents,
        columns=AGENT_COLUMNS,
        name=lambda a: a.agent_id,
        empty="no agents are known; `cictl run-agent` starts one",
    )


def agent_result(agent: Agent) -> Result[Agent]:
    """Return one agent in detail."""
    return Result(
        message=AgentResponse(agent=agent),
        rows=[agent],
        columns=AGENT_DETAILS,
        name=lambda a: a.agent_id,
        detailed=True,
    )
