"""Agents: heartbeats, leases, views and actions."""

from __future__ import annotations

import falcon

from cictl.wire.agents import (
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    QueuedScript,
    RemovedAgent,
)
from cictl.wire.jobs import LeaseRequest, LeaseResponse
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.parameters import Parameter
from cictl_server.services import Services


class HeartbeatResource:
    """`/api/v1/heartbeat`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat

    @api(
        request=HeartbeatRequest,
        answers={
            200: HeartbeatResponse,
            400: "no `agent_id`, or a bad one",
            409: "another process has this id",
            429: "the agent is unknown, and as many are known as may be",
        },
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Report that an agent is alive and what it offers; the answer carries orders."""
        media.write(resp, self._agents.heartbeat(media.read(req, HeartbeatRequest)))


class LeaseResource:
    """`/api/v1/agent/lease`"""

    def __init__(self, services: Services) -> None:
        self._leasing = services.jobs.leasing

    @api(
        request=LeaseRequest,
        takes_key=False,
        answers={200: LeaseResponse, 400: "no `agent_id`, or a bad one", 409: "another process has this id"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for work; the answer comes after up to `wait_seconds`."""
        is_abandoned = req.env.get("waitress.client_disconnected", lambda: False)
        media.write(resp, self._leasing.lease(media.read(req, LeaseRequest), is_abandoned=is_abandoned))


class AgentsResource:
    """`/api/v1/agents`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat

    @api(answers={200: AgentList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the agents by id."""
        media.write(resp, AgentList(agents=self._agents.list_agents()))


class AgentResource:
    """`/api/v1/agents/{agent_id}`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._removal = services.agents.removal

    @api(answers={200: AgentResponse, 400: "an id that no agent can have", 404: "unknown"})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Show one agent."""
        media.write(resp, AgentResponse(agent=self._agents.get_agent(agent_id)))

    @api(
        answers={
            200: RemovedAgent,
            400: "an id that no agent can have",
            404: "unknown",
            409: "it is online or has a job",
        },
        query=[Parameter(name="force", choices=("true",), text="Remove it all the same, and cancel its jobs.")],
    )
    def on_delete(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Forget an agent; if its process lives, it comes back with its next heartbeat.

        A deactivated agent that comes back is still deactivated.
        """
        media.write(resp, self._removal.remove(agent_id, force=req.get_param("force") == "true"))


class AgentActionsResource:
    """`/api/v1/agents/{agent_id}/actions`"""

    def __init__(self, services: Services) -> None:
        self._actions = services.agents.actions

    @api(
        request=AgentActionRequest,
        answers={
            200: AgentActionResponse,
            201: QueuedScript,
            400: "a blank or unknown action, or one that the agent or the server can't carry out",
            404: "unknown agent",
            413: "a script that is too long",
            429: "as many scripts wait for the agent as may",
        },
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Give an agent an order.

        The actions are `activate`, `deactivate`, `refresh-tools`, `restart`, `wipe-cache`, `flush-job-history`, `update`
        and `run-script`. Only the last one is answered with 201.
        """
        self._actions.check_id(agent_id)
        answer = self._actions.act(agent_id, media.read(req, AgentActionRequest))
        media.write(resp, answer, status=201 if isinstance(answer, QueuedScript) else 200)
