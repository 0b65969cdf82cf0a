"""`cictl agents`."""

from __future__ import annotations

from typing import Annotated

import typer

from cictl.cli.app.commands import Command, DestructiveCommand, new_group
from cictl.cli.app.confirmation import confirm, confirm_work
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.commands.options import CancelOnInterrupt, Follow, Timeout, Wait
from cictl.cli.names import MAX_JOBS, find_agent
from cictl.cli.output.table import Result
from cictl.cli.short_ids import short_id
from cictl.cli.tables.agents import agent_result, agents_result
from cictl.wire.admin.access import EnrolmentRequest
from cictl.wire.agents import Action, Agent, AgentActionResponse

app = new_group(
    "cictl agents list\ncictl agents deactivate build-1\ncictl agents exec build-1 --follow -- 'df -h; uptime'"
)

AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id, or its beginning.")]


@app.command(
    "list",
    cls=Command,
    epilog="cictl agents list\ncictl agents list -o wide\ncictl agents list --watch\ncictl agents list -o name",
)
def list_agents(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on showing how they change, until Ctrl-C.")] = False,
) -> None:
    """List the agents.

    An agent is online up to 20 seconds after its last heartbeat, stale up to a minute, then offline. In a pipe, --watch writes a line whenever an agent has changed, with `-o json` one object a line.
    """
    session = Session.of(context)
    if watch:
        from cictl.cli.output.watch import watch as go_on

        raise typer.Exit(go_on(session, lambda: agents_result(session.client.list_agents()), quiet=("SEEN",)))
    session.show(agents_result(session.client.list_agents()))


@app.command("show", cls=Command, epilog="cictl agents show build-1\ncictl agents show bu -o json")
def show_agent(context: typer.Context, agent: AgentName) -> None:
    """Show one agent, its capabilities and its recent log."""
    session = Session.of(context)
    session.show(agent_result(find_agent(session.client, agent)))


@app.command("activate", cls=Command, epilog="cictl agents activate build-1")
def activate_agent(context: typer.Context, agent: AgentName) -> None:
    """Let an agent lease jobs again that was deactivated or drains."""
    session = Session.of(context)
    session.refuse_if_readonly(f"activate agent {agent}")
    found = find_agent(session.client, agent)
    if not (found.deactivated or found.draining):
        _say_already(session, found, "active")
        return
    _show(session, found, session.client.agent_action(found.agent_id, Action.ACTIVATE), done="activated")


@app.command(
    "deactivate",
    cls=DestructiveCommand,
    epilog="cictl agents deactivate build-1\ncictl agents deactivate build-1 --yes",
)
def deactivate_agent(context: typer.Context, agent: AgentName) -> None:
    """Stop an agent from leasing jobs; cancels its active job.

    Asks on a terminal when the agent has a job. The agent's process goes on. `cictl agents activate` reverses it;
    `cictl agents drain` lets the job end.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"deactivate agent {agent}")
    found = find_agent(session.client, agent)
    if found.deactivated:
        _say_already(session, found, "deactivated")
        return
    _confirm_deactivation(session, found)
    _show(session, found, session.client.agent_action(found.agent_id, Action.DEACTIVATE), done="deactivated")


@app.command(
    "drain",
    cls=Command,
    epilog="cictl agents drain build-1 --reason 'new kernel'\n"
    "cictl agents drain build-1 --reason 'new kernel' --wait --timeout 3600",
)
def drain_agent(
    context: typer.Context,
    agent: AgentName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; lists and `jobs explain` show it.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has no job.")] = False,
    timeout: Timeout = None,
) -> None:
    """Let an agent end the jobs that it has, and give it no others.

    `cictl agents activate` ends it. Draining again changes the reason. With --wait the exit code is 0 once the agent has
    no job, and 8 when --timeout came first; it drains on.
    """
    from cictl.cli.draining import wait_until_idle

    session = Session.of(context)
    session.refuse_if_readonly(f"drain agent {agent}")
    found = find_agent(session.client, agent)
    answer = session.client.agent_action(found.agent_id, Action.DRAIN, reason=reason)
    if wait:
        wait_until_idle(session, found.agent_id, timeout=timeout)
    _show(session, found, answer, done="drains")


@app.command("refresh-tools", cls=Command, epilog="cictl agents refresh-tools build-1")
def refresh_tools(context: typer.Context, agent: AgentName) -> None:
    """Let an agent look again which tools it has, even while it works.

    Like every order it goes out with the agent's next heartbeat, in ten seconds at most.
    """
    _order(Session.of(context), agent, Action.REFRESH_TOOLS, words="refresh the tools of agent")


@app.command("restart", cls=Command, epilog="cictl agents restart build-1")
def restart_agent(context: typer.Context, agent: AgentName) -> None:
    """Let an agent restart itself, once its jobs are over.

    It ends, and its service manager starts it again. An agent that was started by hand is left alone: exit code 7.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"restart agent {agent}")
    found = find_agent(session.client, agent)
    if (found.capabilities or {}).get("run_mode") == "manual":
        raise _started_by_hand(found)
    _send(session, found, Action.RESTART)


@app.command(
    "wipe-cache",
    cls=DestructiveCommand,
    epilog="cictl agents wipe-cache build-1\ncictl agents wipe-cache build-1 --yes",
)
def wipe_cache(context: typer.Context, agent: AgentName) -> None:
    """Let an agent delete all its caches, once its job is over.

    Asks on a terminal, and needs --yes elsewhere. The next jobs there are slower: they fill the caches anew.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"wipe the caches of agent {agent}")
    found = find_agent(session.client, agent)
    session.note(f"this deletes every cache on {found.agent_id}, of all projects")
    confirm(session, f"wipe the caches of {found.agent_id}?")
    _send(session, found, Action.WIPE_CACHE)


@app.command(
    "flush-history",
    cls=DestructiveCommand,
    epilog="cictl agents flush-history build-1\ncictl agents flush-history build-1 --yes",
)
def flush_history(context: typer.Context, agent: AgentName) -> None:
    """Delete the jobs that an agent has finished, and its workspaces.

    On the server their logs, artifacts and test reports go with them; the agent deletes its workspaces once its job is
    over. Says how many those are, asks on a terminal, and needs --yes elsewhere. Jobs of a run that still waits for
    something stay.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"flush the history of agent {agent}")
    found = find_agent(session.client, agent)
    session.note(
        f"this deletes {_finished(session, found)} of {found.agent_id}, with logs, artifacts and test reports, "
        "and the agent's workspaces"
    )
    confirm(session, f"flush the history of {found.agent_id}?")
    _send(session, found, Action.FLUSH_JOB_HISTORY)


@app.command(
    "remove",
    cls=DestructiveCommand,
    epilog="cictl agents remove build-1\ncictl agents remove build-1 build-2 --yes\ncictl agents remove build-1 --force",
)
def remove_agents(
    context: typer.Context,
    agents: Annotated[list[str], typer.Argument(metavar="AGENT...", help="Ids, or their beginnings.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also one that is online or has a job, which is cancelled.")
    ] = False,
) -> None:
    """Forget agents that are gone; the jobs that they ran stay.

    Asks on a terminal, and needs --yes elsewhere. An agent whose process lives comes back with its next heartbeat, and one
    that was deactivated comes back deactivated. The server forgets silent agents by itself, after 30 days by default.
    """
    session = Session.of(context)
    session.refuse_if_readonly(f"remove {' '.join(agents)}")
    found = list({agent.agent_id: agent for agent in (find_agent(session.client, text) for text in agents)}.values())
    names = ", ".join(agent.agent_id for agent in found)
    confirm(session, f"remove {names}?")
    for agent in found:
        session.client.remove_agent(agent.agent_id, force=force)
        session.note(f"{agent.agent_id}: removed")
    if session.wants_data:
        session.show(agents_result(found))


@app.command("update", cls=Command, epilog="cictl agents update build-1")
def update_agent(context: typer.Context, agent: AgentName) -> None:
    """Let an agent update itself to the server's version, once its job is over.

    It is asked with its next heartbeat, and again, at growing intervals, until it has the version; `cictl agents show`
    tells how that goes.
    """
    _order(Session.of(context), agent, Action.UPDATE, words="update agent")


@app.command(
    "exec",
    cls=Command,
    epilog="cictl agents exec build-1 --follow -- uname -a\ncictl agents exec build-1 --wait -- 'make clean; make'\n"
    "cictl agents exec win-1 --shell powershell --time-limit 60 -- Get-Disk\n"
    "cictl agents exec build-1 --follow -- - < check.sh",
)
def exec_script(
    context: typer.Context,
    agent: AgentName,
    script: Annotated[
        list[str], typer.Argument(metavar="SCRIPT...", help="What to run; - reads it from standard input.")
    ],
    shell: Annotated[
        str, typer.Option("--shell", metavar="SHELL", help="posix, cmd or powershell; default: the agent's first.")
    ] = "",
    time_limit: Annotated[
        int, typer.Option("--time-limit", metavar="SECONDS", min=1, help="Stop the script after this long.")
    ] = 600,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Run a script on one agent, as a job outside all projects.

    Put -- before the script. Several words are joined by blanks and read by the shell there, as ssh does it. A busy agent
    runs the script after its job, a deactivated one once it is activated. With --wait or --follow the exit code is the
    result: 0 succeeded, 3 failed, 4 cancelled, 8 timed out while the job goes on.
    """
    from cictl.cli.jobs.script import Script, run_script
    from cictl.cli.jobs.wait import Waiting

    session = Session.of(context)
    text = session.stdin.read() if script == ["-"] else " ".join(script)
    waiting = Waiting(wait=wait, follow=follow, timeout=timeout, cancel_on_interrupt=cancel_on_interrupt)
    run_script(session, agent, Script(text=text, shell=shell, timeout_seconds=time_limit), waiting=waiting)


@app.command(
    "enroll",
    cls=Command,
    epilog="cictl agents enroll > enrolment.token\ncictl agents enroll --uses 20 --ttl 1h > enrolment.token\n"
    "cictl run-agent --server https://ci.example.com --enroll-token-file enrolment.token",
)
def enroll_agents(
    context: typer.Context,
    uses: Annotated[int, typer.Option("--uses", metavar="N", min=1, help="How many agents may use it.")] = 1,
    ttl: Annotated[str, typer.Option("--ttl", metavar="DURATION", help="How long it counts, such as 1h.")] = "24h",
) -> None:
    """Make a token that agents trade for tokens of their own, and write it to standard output, this once.

    Give it to `cictl run-agent --enroll-token-file FILE`. An agent that has a token already is refused.
    """
    from cictl.cli.commands.access.tokens import seconds_of, show_secret

    session = Session.of(context)
    session.refuse_if_readonly("enroll agents")
    made = session.client.create_enrolment(EnrolmentRequest(uses=uses, ttl_seconds=seconds_of(ttl)))
    agents = "one agent" if uses == 1 else f"{uses} agents"
    show_secret(session, made, f"made enrolment token {made.name} for {agents}")


def _started_by_hand(agent: Agent) -> Failure:
    """Return why an agent is not told to restart that nobody would start again."""
    process = f" ({agent.process.told})" if agent.process else ""
    return Failure(
        f"{agent.agent_id} was started by hand{process}: nothing would start it again, so it goes on as it is",
        exit_code=ExitCode.CONFLICT,
        code="conflict",
        hint=f"restart its process on {agent.hostname or 'its machine'} by hand; or run it as a service, or under any "
        "supervisor with CICTL_AGENT_RESTART=exit",
    )


def _say_already(session: Session, agent: Agent, state: str) -> None:
    """Say that an agent is in that state already, so nothing was sent."""
    answer = AgentActionResponse(requested=False, agent_id=agent.agent_id, message=f"already {state}")
    _show(session, agent, answer, done="")


def _confirm_deactivation(session: Session, agent: Agent) -> None:
    """Say which jobs the deactivation cancels, and ask; a reference server ignores the filters."""
    found = session.client.list_jobs(max_jobs=MAX_JOBS, status="active", agent=agent.agent_id).job_executions
    held = [j for j in found if j.status.is_active and j.leased_by_agent_id == agent.agent_id]
    if held:
        session.note(f"this cancels {', '.join(short_id(job) for job in held)}, which {agent.agent_id} has")
    confirm_work(session, f"deactivate {agent.agent_id}?", is_lost=bool(held))


def _order(session: Session, text: str, action: Action, *, words: str) -> None:
    """Send an order that destroys nothing, without a question."""
    session.refuse_if_readonly(f"{words} {text}")
    _send(session, find_agent(session.client, text), action)


def _send(session: Session, agent: Agent, action: Action) -> None:
    answer = session.client.agent_action(agent.agent_id, action)
    _show(session, agent, answer, done=f"update to {answer.target} requested")


def _show(session: Session, agent: Agent, answer: AgentActionResponse, *, done: str) -> None:
    """Show the answer; *done* is said if the server's message is empty."""
    result = Result(message=answer, rows=[agent], columns=(), name=lambda a: a.agent_id)
    session.show_done(result, f"{agent.agent_id}: {answer.message or done}")


def _finished(session: Session, agent: Agent) -> str:
    """Return how many finished jobs the agent has, in words; a reference server ignores the filters."""
    page = session.client.list_jobs(max_jobs=MAX_JOBS, status="finished", agent=agent.agent_id)
    count = sum(job.status.is_terminal and job.leased_by_agent_id == agent.agent_id for job in page.job_executions)
    return f"{'more than ' if page.next_cursor else ''}{count} finished job{'' if count == 1 else 's'}"
