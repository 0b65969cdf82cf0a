"""Agents: heartbeats, leases, views and actions."""

from __future__ import annotations

import falcon

from cictl.wire.agents import AgentActionRequest, AgentList, AgentResponse, HeartbeatRequest
from cictl.wire.jobs import LeaseRequest
from cictl_server.resources import media
from cictl_server.services import Services


class HeartbeatResource:
    """`/api/v1/heartbeat`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """POST HeartbeatRequest: 200 HeartbeatResponse; 400 without `agent_id`."""
        media.write(resp, self._agents.heartbeat(media.read(req, HeartbeatRequest)))


class LeaseResource:
    """`/api/v1/agent/lease`"""

    def __init__(self, services: Services) -> None:
        self._leasing = services.leasing

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """POST LeaseRequest: 200 LeaseResponse, after up to `wait_seconds`; 400 without `agent_id`."""
        media.write(resp, self._leasing.lease(media.read(req, LeaseRequest)))


class AgentsResource:
    """`/api/v1/agents`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 AgentList, by id."""
        media.write(resp, AgentList(agents=self._agents.list_agents()))


class AgentResource:
    """`/api/v1/agents/{agent_id}`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents

    def on_get(self, _req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """GET: 200 AgentResponse; 404 unknown."""
        media.write(resp, AgentResponse(agent=self._agents.get_agent(agent_id)))


class AgentActionsResource:
    """`/api/v1/agents/{agent_id}/actions`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents

    def on_post(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """POST AgentActionRequest: 200 AgentActionResponse; 400 blank or unknown action; 404 unknown agent."""
        media.write(resp, self._agents.act(agent_id, media.read(req, AgentActionRequest)))
