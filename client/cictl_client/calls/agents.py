"""Calls about agents, as people make them. The agents' own are in `agent_protocol`."""

from __future__ import annotations

from cictl.wire.agents import (
    Action,
    Agent,
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    QueuedScript,
)
from cictl.wire.codec import encode
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import actions_path, segment


class AgentCalls(Calls):
    """The agents that the server knows."""

    def list_agents(self) -> list[Agent]:
        """Return every agent that the server knows, sorted by id."""
        return self._transport.get(AgentList, "/api/v1/agents").agents

    def get_agent(self, agent_id: str) -> Agent:
        """Return one agent; `NotFound` if the server does not know it."""
        return self._transport.get(AgentResponse, f"/api/v1/agents/{segment(agent_id)}").agent

    def agent_action(self, agent_id: str, action: str, *, reason: str = "") -> AgentActionResponse:
        """Give an order to an agent.

        Args:
            action: One of `cictl.wire.agents.Action` except `run-script`.
            reason: Why; `drain` wants it.
        """
        request = AgentActionRequest(action=action, reason=reason)
        return self._mutations.post(AgentActionResponse, actions_path(agent_id), encode(request))

    def remove_agent(self, agent_id: str, *, force: bool = False) -> None:
        """Let the server forget an agent; `Conflict` if it is online or has a job.

        Args:
            force: Remove it all the same, and cancel its jobs. If its process lives, it comes back with its next heartbeat.
        """
        self._mutations.delete(f"/api/v1/agents/{segment(agent_id)}{'?force=true' if force else ''}")

    def run_script(self, agent_id: str, script: str, *, shell: str, timeout_seconds: int = 0) -> QueuedScript:
        """Queue a script for an agent; a time limit of 0 stands for ten minutes."""
        request = AgentActionRequest(
            action=Action.RUN_SCRIPT, script=script, shell=shell, timeout_seconds=timeout_seconds
        )
        return self._mutations.post(QueuedScript, actions_path(agent_id), encode(request))
