"""Looking up an agent, with one error for unknown ones."""

from __future__ import annotations

from cictl_server.errors import NotFound
from cictl_server.services.fleet.limits import check_agent_id
from cictl_server.store.contract import View
from cictl_server.store.records.agents import AgentRecord


def get_agent_record(view: View, agent_id: str) -> AgentRecord:
    """Return the record of *agent_id*.

    Raises:
        InvalidRequest: No agent can have this id.
        NotFound: No such agent.
    """
    record = view.agents.find(agent_id)
    if record is None:
        check_agent_id(agent_id, field="agent id")
        raise NotFound("agent", hint="`cictl agents list` shows the known ones")
    return record
