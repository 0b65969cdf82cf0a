"""Whether an agent gets work. What its record says of that outlives the record: a removed agent may come back."""

from __future__ import annotations

import msgspec

from cictl_server.store.contract import Transaction, View
from cictl_server.store.records import AgentRecord, SettingRecord

_DEACTIVATED = "agent_deactivated:"
"""The contract's key of the setting, with an agent's id behind it."""
_DRAINED = "agent_drained:"
"""The key of a setting whose value is the reason, with an agent's id behind it."""


def is_deactivated(view: View, agent_id: str) -> bool:
    """Tell whether the agent is deactivated, or was when it was removed."""
    record = view.agents.find(agent_id)
    return record.deactivated if record is not None else view.settings.find(_DEACTIVATED + agent_id) is not None


def drain_reason(view: View, agent_id: str) -> str:
    """Return why the agent drains, or did when it was removed; empty if it does not."""
    if (record := view.agents.find(agent_id)) is not None:
        return record.drain_reason
    kept = view.settings.find(_DRAINED + agent_id)
    return kept.value if kept else ""


def keep_state(tx: Transaction, record: AgentRecord) -> None:
    """Keep of an agent that is removed whether it gets work."""
    if record.deactivated:
        tx.settings.put(SettingRecord(key=_DEACTIVATED + record.agent_id, value="1"))
    if record.drain_reason:
        tx.settings.put(SettingRecord(key=_DRAINED + record.agent_id, value=record.drain_reason))


def take_state(tx: Transaction, record: AgentRecord) -> AgentRecord:
    """Return the record of an agent that was unknown, with what was kept of it."""
    reason = drain_reason(tx, record.agent_id)
    tx.settings.delete(_DRAINED + record.agent_id)
    deactivated = tx.settings.delete(_DEACTIVATED + record.agent_id)
    return msgspec.structs.replace(record, deactivated=deactivated, drain_reason=reason)
