"""The agents: a list of all, and one with what it offers, what it runs, and why it does not take more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import falcon
import msgspec

from cictl.base.names.labels import labels_in
from cictl.wire.agents import Agent
from cictl.wire.jobs import JobExecution
from cictl.wire.short_ids import short_id_of
from cictl_server.face.page import Pages, View
from cictl_server.face.shown import counted
from cictl_server.face.views.agent_orders import ORDERS
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.fleet.presence import ONLINE, STALE
from cictl_server.services.jobs.lists import JobFilter
from cictl_server.services.jobs.obstacles import command
from cictl_server.services.jobs.waiting import Queue

_ACTIVE = JobFilter(statuses=("leased", "running"))
_MOST_ACTIVE = 1000
_LOOKED_AT = 100
"""At how many of the executions that wait a page looks to tell what an agent lacks."""
_TOOL, _FEATURE = "tool.", "cictl."


def state_of(agent: Agent, now: datetime) -> str:
    """Return the state of an agent, as `cictl agents list` has it."""
    if agent.deactivated:
        return "deactivated"
    if agent.draining:
        return "draining"
    age = now - agent.last_seen_utc
    if age <= ONLINE:
        return "online"
    return "stale" if age <= STALE else "offline"


class ShownAgent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as pages show it.

    Attributes:
        jobs: What it runs, of what the caller sees.
    """

    agent: Agent
    state: str
    jobs: list[JobExecution]

    @property
    def slots(self) -> int:
        return self.agent.slots or 1

    @property
    def busy(self) -> int:
        return self.agent.slots_busy if self.agent.slots > 1 else int(self.agent.job_in_progress)

    @property
    def labels(self) -> dict[str, str]:
        return labels_in(self.agent.capabilities)

    @property
    def tools(self) -> dict[str, str]:
        """Versions by the names of tools."""
        found = (self.agent.capabilities or {}).items()
        return {key.removeprefix(_TOOL): value for key, value in sorted(found) if key.startswith(_TOOL)}

    @property
    def features(self) -> list[str]:
        """What it does beyond the agents of the reference."""
        return sorted(key.removeprefix(_FEATURE) for key in self.agent.capabilities or {} if key.startswith(_FEATURE))

    @property
    def facts(self) -> dict[str, str]:
        """What else it tells of itself."""
        known = {*self.labels, "os", "arch"}
        found = (self.agent.capabilities or {}).items()
        return {k: value for k, value in sorted(found) if k not in known and not k.startswith((_TOOL, _FEATURE))}


class AgentsPage:
    """`/agents`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._lists = services.jobs.lists
        self._clock = services.core.clock
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show all agents."""
        self._pages.show_live(req, resp, lambda: self._view(principal_of(req), req.prefix))

    def _view(self, principal: Principal, server_url: str) -> View:
        active = self._lists.list_jobs(_ACTIVE, limit=_MOST_ACTIVE, sees=principal.sees_job).job_executions
        shown = [_shown(agent, active, self._clock()) for agent in self._agents.list_agents()]
        return View(
            template="fleet/agents.html",
            title="Agents",
            section="agents",
            command="cictl agents list",
            watches=("agent", "job"),
            values={
                "server_url": server_url,
                "agents": shown,
                "counts": Counter(agent.state for agent in shown),
                "short_id": short_id_of,
            },
        )


class AgentPage:
    """`/agents/{agent_id}`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._lists = services.jobs.lists
        self._waiting = services.jobs.waiting
        self._clock = services.core.clock
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Show one agent. Its last lines tell of jobs of all projects, so a token that is bound to some does not see them."""
        self._pages.show_live(req, resp, lambda: self._view(principal_of(req), agent_id))

    def _view(self, principal: Principal, agent_id: str) -> View:
        agent = self._agents.get_agent(agent_id)
        active = self._lists.list_jobs(_ACTIVE, limit=_MOST_ACTIVE, sees=principal.sees_job).job_executions
        shown = _shown(agent, active, self._clock())
        queue = self._waiting.list_waiting(limit=_LOOKED_AT, sees=principal.sees_job)
        return View(
            template="fleet/agent.html",
            title=f"Agent {agent.agent_id}",
            section="agents",
            command=command("agents", "show", agent.agent_id),
            watches=(f"agent:{agent.agent_id}", "job"),
            values={
                "shown": shown,
                "agent": agent,
                "reasons": why_not_more(shown, queue),
                "has_log": not principal.projects,
                "orders": ORDERS,
                "short_id": short_id_of,
            },
        )


def why_not_more(shown: ShownAgent, queue: Queue) -> list[str]:
    """Return why the agent takes no further job now, a sentence each."""
    agent = shown.agent
    match shown.state:
        case "deactivated":
            return ["It is deactivated: it gets no jobs until somebody activates it."]
        case "draining":
            why = f": {agent.drain_reason}" if agent.drain_reason else ""
            return [f"It drains, and gets no jobs until somebody activates it{why}."]
        case "offline":
            return ["Nothing was heard of it for more than a minute, so it gets no jobs."]
    if shown.busy >= shown.slots:
        return ["It works, and has one slot." if shown.slots == 1 else f"All of its {shown.slots} slots are taken."]
    if not queue.jobs:
        return ["Nothing waits."]
    return _unfit(agent.agent_id, queue)


def _unfit(agent_id: str, queue: Queue) -> list[str]:
    """Return what the agent lacks for those that wait, the most frequent first, and how many of them wait for something else."""
    lacks: Counter[str] = Counter()
    others = 0
    for job in queue.jobs:
        fit = next((fit for fit in job.explanation.agents if fit.agent_id == agent_id), None)
        if fit is not None and not fit.unmet:
            others += 1
        elif fit is None:
            lacks["it is pinned to another agent"] += 1
        else:
            lacks["; ".join(unmet.text for unmet in fit.unmet)] += 1
    texts = [
        f"{counted(count, 'job')} that {_wait(count)} {_do(count)} not fit: {text}."
        for text, count in lacks.most_common(5)
    ]
    return (
        [*texts, f"{counted(others, 'job')} that {_wait(others)} would fit, and {_wait(others)} for something else."]
        if others
        else texts
    )


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def _shown(agent: Agent, active: Iterable[JobExecution], now: datetime) -> ShownAgent:
    jobs = [job for job in active if job.leased_by_agent_id == agent.agent_id]
    return ShownAgent(agent=agent, state=state_of(agent, now), jobs=jobs)
