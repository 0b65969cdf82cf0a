"""The rules by which an agent gets no work of any kind. What its record says of that outlives the record: a removed agent may come back."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import msgspec

from cictl.wire.agents import AGENT_DEACTIVATED
from cictl.wire.waiting.explain import Fix, Reason
from cictl_server.services.policies.holds import Hold
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.settings import SettingRecord

_DEACTIVATED = "agent_deactivated:"
"""The contract's key of the setting, with an agent's id behind it."""
_DRAINED = "agent_drained:"
"""The key of a setting whose value is the reason, with an agent's id behind it."""


class Withdrawal(Hold, frozen=True, kw_only=True):
    """A rule by which an agent gets no work; `text` is what it is told.

    Attributes:
        ends_work: It ends what it has, and may begin what it was given.
    """

    ends_work: bool


def withdrawal(view: View, agent_id: str) -> Withdrawal | None:
    """Return the first rule by which the agent gets no work, or got none when it was removed; None if it may get some."""
    return next((found for rule in _RULES if (found := rule(view, agent_id))), None)


def _is_withdrawn(view: View, agent_id: str) -> Withdrawal | None:
    if not _is_deactivated(view, agent_id):
        return None
    return Withdrawal(
        reason=Reason.AGENT_DEACTIVATED, text=AGENT_DEACTIVATED, fixes=(_activation(agent_id),), ends_work=False
    )


def _drains(view: View, agent_id: str) -> Withdrawal | None:
    if not (reason := _drain_reason(view, agent_id)):
        return None
    return Withdrawal(
        reason=Reason.AGENT_DRAINING, text=f"agent drains: {reason}", fixes=(_activation(agent_id),), ends_work=True
    )


_RULES: tuple[Callable[[View, str], Withdrawal | None], ...] = (_is_withdrawn, _drains)
"""All rules; the first that applies is told."""


def _activation(agent_id: str) -> Fix:
    return Fix(text=f"activate agent {agent_id}", command=shlex.join(["cictl", "agents", "activate", agent_id]))


def _is_deactivated(view: View, agent_id: str) -> bool:
    record = view.agents.find(agent_id)
    return record.deactivated if record is not None else view.settings.find(_DEACTIVATED + agent_id) is not None


def _drain_reason(view: View, agent_id: str) -> str:
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
    reason = _drain_reason(tx, record.agent_id)
    tx.settings.delete(_DRAINED + record.agent_id)
    deactivated = tx.settings.delete(_DEACTIVATED + record.agent_id)
    return msgspec.structs.replace(record, deactivated=deactivated, drain_reason=reason)
