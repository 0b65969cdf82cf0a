"""What can be asked of an agent: a question for each order, and the order itself."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import falcon
import msgspec

from cictl.wire.admin.access import Role
from cictl.wire.agents import Action, Agent, AgentActionRequest, QueuedScript
from cictl.wire.jobs import JobExecution
from cictl.wire.short_ids import short_id_of
from cictl_server.errors import NotFound
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.jobs.lists import JobFilter
from cictl_server.services.jobs.obstacles import command

_ACTIVE = ("leased", "running")
_MOST_NAMED = 10


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked of an agent.

    Attributes:
        action: Its name in the API; empty for removing the agent.
        word: The last part of its address, and the command of `cictl agents`.
        button: What the button says.
        asks_whether: The question, with the agent in braces.
        says: What happens then.
        role: Who may.
        ends_jobs: It cancels what the agent runs.
        removes_history: It removes what the agent ran.
    """

    action: Action | None
    word: str
    button: str
    asks_whether: str
    says: str
    role: Role = Role.OPERATOR
    is_harmful: bool = False
    ends_jobs: bool = False
    removes_history: bool = False
    asks: tuple[str, str] | None = None


_ALL = (
    Order(
        action=Action.DRAIN,
        word="drain",
        button="Drain",
        asks_whether="Drain {}?",
        says="It ends the jobs that it has, and gets no others until somebody activates it.",
        asks=("reason", "Why? Lists and explanations show it"),
    ),
    Order(
        action=Action.ACTIVATE,
        word="activate",
        button="Activate",
        asks_whether="Activate {}?",
        says="It gets jobs again.",
    ),
    Order(
        action=Action.DEACTIVATE,
        word="deactivate",
        button="Deactivate",
        asks_whether="Deactivate {}?",
        says="It gets no jobs until somebody activates it. Its process goes on.",
        is_harmful=True,
        ends_jobs=True,
    ),
    Order(
        action=Action.REFRESH_TOOLS,
        word="refresh-tools",
        button="Refresh tools",
        asks_whether="Let {} look for its tools?",
        says="It looks again which tools it has, with its next heartbeat, even while it works.",
    ),
    Order(
        action=Action.RESTART,
        word="restart",
        button="Restart",
        asks_whether="Restart {}?",
        says="It ends once its jobs are over, and its service manager starts it again. One that was started by hand is left alone.",
    ),
    Order(
        action=Action.UPDATE,
        word="update",
        button="Update",
        asks_whether="Update {}?",
        says="It updates itself to the server's version once its jobs are over.",
        role=Role.ADMIN,
    ),
    Order(
        action=Action.WIPE_CACHE,
        word="wipe-cache",
        button="Wipe caches",
        asks_whether="Wipe the caches of {}?",
        says="The agent deletes all its caches, of all projects, once its jobs are over. The next jobs there are slower.",
        is_harmful=True,
    ),
    Order(
        action=Action.FLUSH_JOB_HISTORY,
        word="flush-history",
        button="Flush history",
        asks_whether="Flush the history of {}?",
        says="The agent deletes its workspaces too, once its jobs are over.",
        is_harmful=True,
        removes_history=True,
    ),
    Order(
        action=None,
        word="remove",
        button="Remove",
        asks_whether="Remove {}?",
        says="The server forgets it. The jobs that it ran stay. If its process lives, it comes back with its next heartbeat.",
        is_harmful=True,
    ),
)

ORDERS: Mapping[str, Order] = {order.word: order for order in _ALL}


class AgentOrderPage:
    """`/agents/{agent_id}/{order}`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._actions = services.agents.actions
        self._lists = services.jobs.lists
        self._store = services.core.store
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, agent_id: str, order: str) -> None:
        """Say what the order does, and to how much."""
        wanted = _order(order)
        principal_of(req).check_role(wanted.role)
        agent = self._agents.get_agent(agent_id)
        text = [*self._losses(req, agent, wanted), wanted.says]
        ask(self._pages, req, resp, _question(agent, wanted, text), section="agents")

    def on_post(self, req: falcon.Request, resp: falcon.Response, agent_id: str, order: str) -> None:
        """Give the order."""
        wanted = _order(order)
        principal_of(req).check_role(wanted.role)
        if wanted.action is None:
            raise NotFound("order")
        self._actions.act(agent_id, AgentActionRequest(action=wanted.action, reason=read_form(req).get("reason", "")))
        go_to(req, resp, place_of(agent_id))

    def _losses(self, req: falcon.Request, agent: Agent, order: Order) -> list[str]:
        if order.ends_jobs:
            where = JobFilter(statuses=_ACTIVE, agent=agent.agent_id)
            held = self._lists.list_jobs(where, limit=1000, sees=principal_of(req).sees_job).job_executions
            return [f"This cancels {_named(held)}, which {agent.agent_id} has."] if held else ["It has no job now."]
        if order.removes_history:
            jobs = self._store.look(lambda view: view.jobs.of_agent(agent.agent_id))
            count = sum(job.status.is_terminal for job in jobs)
            return [
                f"This deletes {counted(count, 'finished job')} of {agent.agent_id}, with logs, artifacts and test reports.",
                "Jobs of a run that still waits for something stay.",
            ]
        return []


class AgentRemovalPage:
    """`/agents/{agent_id}/remove`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._removal = services.agents.removal
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Say what removing it means."""
        order = ORDERS["remove"]
        principal_of(req).check_role(order.role)
        agent = self._agents.get_agent(agent_id)
        ask(self._pages, req, resp, _question(agent, order, [order.says]), section="agents")

    def on_post(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Forget an agent that is offline and has no job."""
        self._removal.remove(agent_id, force=False)
        go_to(req, resp, "agents")


class AgentScriptPage:
    """`/agents/{agent_id}/exec`"""

    def __init__(self, services: Services) -> None:
        self._agents = services.agents.heartbeat
        self._actions = services.agents.actions
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Ask for the script."""
        principal_of(req).check_role(Role.ADMIN)
        agent = self._agents.get_agent(agent_id)
        shells = [shell for shell in (agent.capabilities or {}).get("shells", "").split(",") if shell]
        view = View(
            template="fleet/agent_script.html",
            title=f"Run a script on {agent_id}",
            section="agents",
            command=command("agents", "exec", agent_id, "--follow", "--", "SCRIPT"),
            values={"agent": agent, "shells": shells},
        )
        self._pages.show(req, resp, view)

    def on_post(self, req: falcon.Request, resp: falcon.Response, agent_id: str) -> None:
        """Run a script there, as a job outside all projects, and go to that job."""
        principal_of(req).check_role(Role.ADMIN)
        form = read_form(req)
        request = AgentActionRequest(
            action=Action.RUN_SCRIPT, script=form.get("script", ""), shell=form.get("shell", ""), timeout_seconds=600
        )
        answer = self._actions.act(agent_id, request)
        assert isinstance(answer, QueuedScript), "a script is queued"
        go_to(req, resp, f"jobs/{answer.job_execution_id}")


def place_of(agent_id: str) -> str:
    """Return where the page of an agent is; an id may have what an address may not."""
    return f"agents/{quote(agent_id, safe='')}"


def _order(word: str) -> Order:
    found = ORDERS.get(word)
    if found is None:
        raise NotFound("order", hint="one of: " + ", ".join(ORDERS))
    return found


def _question(agent: Agent, order: Order, text: list[str]) -> Question:
    reason = " --reason TEXT" if order.asks else ""
    return Question(
        title=order.asks_whether.format(agent.agent_id),
        text=text,
        button=order.button,
        back=place_of(agent.agent_id),
        command=command("agents", order.word, agent.agent_id) + reason,
        asks=order.asks,
        is_needed=order.asks is not None,
        is_harmful=order.is_harmful,
    )


def _named(jobs: list[JobExecution]) -> str:
    names = [short_id_of(job.facts) or job.id for job in jobs]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
