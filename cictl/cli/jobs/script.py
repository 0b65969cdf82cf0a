"""`cictl agents exec`: queue a script for one agent, and perhaps wait for its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import typer

from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session
from cictl.cli.jobs.wait import Follower, Waiting, attach_command
from cictl.cli.names import find_agent
from cictl.cli.output.table import Column, Result
from cictl.cli.short_ids import quoted
from cictl.wire.agents import Agent, QueuedScript
from cictl.wire.jobs import JobExecution
from cictl.wire.short_ids import SCRIPT


@dataclass(frozen=True, kw_only=True)
class Script:
    """What to run; an empty `shell` means the agent's own choice."""

    text: str
    shell: str
    timeout_seconds: int


def run_script(session: Session, name: str, script: Script, *, waiting: Waiting) -> None:
    """Queue *script* for the agent that *name* means; with a wait, end the command with the result's exit code."""
    session.refuse_if_readonly(f"run a script on agent {name}")
    if not script.text.strip():
        raise usage("there is no script to run", hint="cictl agents exec AGENT -- SCRIPT")
    agent = find_agent(session.client, name)
    queued = session.client.run_script(
        agent.agent_id,
        script.text,
        shell=script.shell or default_shell(agent),
        timeout_seconds=script.timeout_seconds,
    )
    name = _short_id(queued)
    session.note(f"queued {name} for {queued.agent_id}")
    if agent.deactivated or agent.draining:
        state = "is deactivated" if agent.deactivated else f"drains: {agent.drain_reason}"
        session.note(f"{agent.agent_id} {state}; `cictl agents activate {quoted([agent.agent_id])}` lets it begin")
    if waiting.wanted:
        show = partial(_result, queued)
        raise typer.Exit(Follower(session, [queued.job_execution_id], waiting=waiting, result=show).run())
    session.show(_result(queued, [session.client.get_job(queued.job_execution_id)]))
    session.suggest(attach_command(session, [name], "", logs=True))


def default_shell(agent: Agent) -> str:
    """Return posix if the agent has it or names no shell, else the first shell that it names."""
    shells = [shell.strip() for shell in (agent.capabilities or {}).get("shells", "").split(",") if shell.strip()]
    return "posix" if "posix" in shells or not shells else shells[0]


def _short_id(queued: QueuedScript) -> str:
    """Return the short id of the script's job; its long one from a server without numbers."""
    return f"{queued.run_number}/{SCRIPT}" if queued.run_number else queued.job_execution_id


class StartedScript(QueuedScript):
    """What `agents exec` shows: the server's answer, with the execution as it is at the end of the command."""

    job_executions: list[JobExecution] = msgspec.field(default_factory=list)


def _result(queued: QueuedScript, jobs: Sequence[JobExecution]) -> Result[QueuedScript]:
    shown = [msgspec.structs.replace(job, output="") for job in jobs]
    return Result(
        message=StartedScript(**msgspec.structs.asdict(queued), job_executions=shown),
        rows=[queued],
        columns=(
            Column("ID", _short_id),
            Column("AGENT", lambda q: q.agent_id),
            Column("SHELL", lambda q: q.shell),
            Column("TIME LIMIT", lambda q: f"{q.timeout_seconds} s"),
        ),
        name=lambda q: q.job_execution_id,
    )
