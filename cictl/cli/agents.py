"""`cictl agents`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.commands import Command, new_group
from cictl.cli.selecting import find_agent
from cictl.cli.session import Session
from cictl.cli.views import agent_result, agents_result
from cictl.render import Result
from cictl.wire.agents import AgentActionResponse

app = new_group("cictl agents list\ncictl agents deactivate build-1")

AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id, or its beginning.")]


@app.command("list", cls=Command, epilog="cictl agents list\ncictl agents list -o wide\ncictl agents list -o name")
def list_agents(context: typer.Context) -> None:
    """List the agents.

    An agent is online up to 20 seconds after its last heartbeat, stale up to a minute, then offline.
    """
    session = Session.of(context)
    session.show(agents_result(session.client.list_agents()))


@app.command("show", cls=Command, epilog="cictl agents show build-1\ncictl agents show bu -o json")
def show_agent(context: typer.Context, agent: AgentName) -> None:
    """Show one agent, its capabilities and its recent log."""
    session = Session.of(context)
    session.show(agent_result(find_agent(session.client, agent)))


@app.command("activate", cls=Command, epilog="cictl agents activate build-1")
def activate_agent(context: typer.Context, agent: AgentName) -> None:
    """Let a deactivated agent lease jobs again."""
    _set_deactivated(Session.of(context), agent, wanted=False)


@app.command("deactivate", cls=Command, epilog="cictl agents deactivate build-1")
def deactivate_agent(context: typer.Context, agent: AgentName) -> None:
    """Stop an agent from leasing jobs; cancels its active job.

    The agent's process goes on. `cictl agents activate` reverses it.
    """
    _set_deactivated(Session.of(context), agent, wanted=True)


def _set_deactivated(session: Session, text: str, *, wanted: bool) -> None:
    action = "deactivate" if wanted else "activate"
    session.refuse_if_readonly(f"{action} agent {text}")
    agent = find_agent(session.client, text)
    if agent.deactivated is wanted:
        answer = AgentActionResponse(
            requested=False, agent_id=agent.agent_id, message=f"already {'deactivated' if wanted else 'active'}"
        )
    else:
        answer = session.client.agent_action(agent.agent_id, action)
    result = Result(message=answer, rows=[answer], columns=(), name=lambda a: a.agent_id)
    session.show_done(result, f"{agent.agent_id}: {answer.message or action + 'd'}")
