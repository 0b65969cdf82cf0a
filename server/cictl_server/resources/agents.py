"""Agents: heartbeats, leases, views and actions."""

from __future__ import annotations

import falcon
from msgspec.structs import replace

from cictl.wire.admin.access import Role
from cictl.wire.agents import (
    Action,
    Agent,
    AgentActionRequest,
    AgentActionResponse,
    AgentList,
    AgentResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    LeaseRequest,
    LeaseResponse,
    QueuedScript,
    RemovedAgent,
)
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter
from cictl_server.http.waiting import WAIT, can_wait, put_off
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.jobs.waiting_line.wait import LeaseWait


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
        request = media.read(req, HeartbeatRequest)
        principal_of(req).check_agent(request.agent_id)
        media.write(resp, self._agents.heartbeat(request))


class LeaseResource:
    """`/api/v1/agent/lease`"""

    def __init__(self, services: Services) -> None:
        self._leasing = services.jobs.leasing
        self._authentication = services.access.authentication

    @api(
        request=LeaseRequest,
        takes_key=False,
        answers={200: LeaseResponse, 400: "no `agent_id`, or a bad one", 409: "another process has this id"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for work; the answer comes after up to `wait_seconds`."""
        request, principal = media.read(req, LeaseRequest), principal_of(req)
        principal.check_agent(request.agent_id)
        if can_wait(req.env):
            self._ask(req, resp, request)
            return
        has_gone = req.env.get("waitress.client_disconnected", lambda: False)
        answer = self._leasing.lease(
            request, is_abandoned=lambda: has_gone() or self._authentication.is_over(principal)
        )
        media.write(resp, answer)

    def _ask(self, req: falcon.Request, resp: falcon.Response, request: LeaseRequest) -> None:
        """Answer, or have the request asked again when there may be work."""
        wait: LeaseWait | None = req.env.get(WAIT)
        answer = self._leasing.ask(request) if wait is None else self._leasing.ask_again(wait) or wait
        if isinstance(answer, LeaseWait):
            put_off(req.env, answer)
        else:
            media.write(resp, answer)


class AgentsResource:
    """`/api/v1/agents`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat

    @api(answers={200: AgentList})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the agents by id."""
        principal = principal_of(req)
        media.write(resp, AgentList(agents=[_seen_by(principal, agent) for agent in self._agents.list_agents()]))


class AgentResource:
    """`/api/v1/agents/{agent_id}`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._removal = services.agents.removal

    @api(answers={200: AgentResponse, 400: "an id that no agent can have", 404: "unknown"})
    def on_get(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Show one agent."""
        media.write(resp, AgentResponse(agent=_seen_by(principal_of(req), self._agents.get_agent(agent_id))))

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

        An agent that was deactivated or drained still is when it comes back.
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

        The actions are `activate`, `deactivate`, `drain`, `refresh-tools`, `restart`, `wipe-cache`, `flush-job-history`,
        `update` and `run-script`. Only the last one is answered with 201. The last two need the role admin.
        """
        self._actions.check_id(agent_id)
        request = media.read(req, AgentActionRequest)
        if request.action.strip().lower() in _ADMINS_ACTIONS:
            principal_of(req).check_role(Role.ADMIN)
        answer = self._actions.act(agent_id, request)
        media.write(resp, answer, status=201 if isinstance(answer, QueuedScript) else 200)


_ADMINS_ACTIONS = (Action.RUN_SCRIPT, Action.UPDATE)


def _seen_by(principal: Principal, agent: Agent) -> Agent:
    """Return *agent* without its log for one who is bound to projects: it tells of jobs of all projects."""
    return replace(agent, recent_log=[]) if principal.projects else agent
