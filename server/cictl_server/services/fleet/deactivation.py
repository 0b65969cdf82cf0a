"""Whether an agent gets work. The flag is in its record, and outlives the record: a removed agent may come back."""

from __future__ import annotations

import msgspec

from cictl_server.store.contract import Transaction, View
from cictl_server.store.records import AgentRecord, SettingRecord

_PREFIX = "agent_deactivated:"
"""The contract's key of the setting, with an agent's id behind it."""


def is_deactivated(view: View, agent_id: str) -> bool:
    """Tell whether the agent is deactivated, or was when it was removed."""
    record = view.agents.find(agent_id)
    return record.deactivated if record is not None else view.settings.find(_PREFIX + agent_id) is not None


def keep_flag(tx: Transaction, record: AgentRecord) -> None:
    """Keep the flag of an agent that is removed."""
    if record.deactivated:
        tx.settings.put(SettingRecord(key=_PREFIX + record.agent_id, value="1"))


def take_flag(tx: Transaction, record: AgentRecord) -> AgentRecord:
    """Return the record of an agent that was unknown, with the flag that was kept of it."""
    is_kept = tx.settings.delete(_PREFIX + record.agent_id)
    return msgspec.structs.replace(record, deactivated=True) if is_kept else record
