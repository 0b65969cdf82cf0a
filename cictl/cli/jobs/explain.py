"""What `cictl jobs explain` shows: why a job waits, the agents from the nearest on, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.output.table import Line, Result
from cictl.cli.output.text import iso
from cictl.wire.jobs import CANCELLATIONS, JobStatus
from cictl.wire.waiting.explain import COUNTED_JOBS, AgentFit, Explanation, Reason
from cictl_client import Client, NotFound

SHOWN_AGENTS = 8
SHOWN_BLOCKERS = 12

Tell = Callable[[datetime], str]


def explain(client: Client, job_id: str) -> Explanation:
    """Return the explanation of an execution that exists.

    Raises:
        Failure: The server is one that can't explain.
    """
    try:
        return client.explain_job(job_id)
    except NotFound:
        client.get_job_state(job_id)  # not found either: it was deleted meanwhile
        raise Failure(
            f"this server cannot explain why {job_id} waits",
            exit_code=ExitCode.SERVER_ERROR,
            code="not_supported",
            hint=f"`cictl jobs show {job_id}` names the requirements that no agent meets",
        ) from None


def explanation_result(found: Explanation, *, name: str, options: str = "") -> Result[Explanation]:
    """Return the explanation as text for people; JSON and YAML have all agents.

    Args:
        name: What people call the job.
        options: Appended to the commands that are shown, so that they reach the same server.
    """
    return Result(
        message=found,
        rows=[found],
        columns=(),
        name=lambda e: e.job_execution_id,
        prose=lambda tell: list(_lines(found, name, tell, options)),
    )


def _lines(found: Explanation, name: str, tell: Tell, options: str) -> Iterator[Line]:
    yield "", f"{name} ({found.name})" if found.name else name
    yield "", f"{_state(found)} {tell(found.since_utc)}: {_sentence(found)}."
    if found.retry_utc is not None:
        yield "", f"The next attempt is due at {iso(found.retry_utc)}."
    if found.blocked_by:
        yield from _section("Waits for" if found.status is JobStatus.QUEUED else "Ended by", _blockers(found))
    if found.agents:
        yield from _section("Agents, the nearest first", _agents(found, tell))
    if found.fixes:
        yield from _section("What to do", _fixes(found, options))


def _state(found: Explanation) -> str:
    if found.status is JobStatus.RUNNING:
        return "started"
    return "cancelled" if found.cause in CANCELLATIONS else str(found.status)


def _sentence(found: Explanation) -> str:
    text = found.summary.rstrip(".")
    if found.status is JobStatus.RUNNING and found.current_step:
        text += f"; now in {found.current_step}"
    if found.older_jobs and found.reason in (Reason.READY, Reason.AGENT_BUSY):
        least = "at least " if found.older_jobs >= COUNTED_JOBS else ""
        text += f"; {least}{found.older_jobs} other {'job goes' if found.older_jobs == 1 else 'jobs go'} first"
    return text


def _section(title: str, lines: Iterator[Line]) -> Iterator[Line]:
    yield "", ""
    yield "", f"{title}:"
    yield from lines


def _blockers(found: Explanation) -> Iterator[Line]:
    shown = found.blocked_by[:SHOWN_BLOCKERS]
    names = [f"{b.need}/{b.matrix_name}" if b.matrix_name else b.need for b in shown]
    width = max(len(name) for name in names)
    for name, blocker in zip(names, shown, strict=True):
        yield (
            f"  {name:<{width}}  ",
            f"{blocker.status or 'gone'} {blocker.short_id or blocker.job_execution_id}".rstrip(),
        )
    yield from _rest(len(found.blocked_by) - len(shown))


def _agents(found: Explanation, tell: Tell) -> Iterator[Line]:
    shown = found.agents[:SHOWN_AGENTS]
    width = max(len(agent.agent_id) for agent in shown)
    for agent in shown:
        yield f"  {agent.agent_id:<{width}}  ", "; ".join(_obstacles(agent, tell)) or "fits and is free"
    yield from _rest(len(found.agents) - len(shown))


def _obstacles(agent: AgentFit, tell: Tell) -> Iterator[str]:
    yield from (unmet.text for unmet in agent.unmet)
    if agent.deactivated:
        yield "deactivated"
    if agent.draining:
        yield f"drains: {agent.drain_reason}"
    if agent.offline:
        yield f"offline, last heard of {tell(agent.last_seen_utc)}"
    if agent.busy_with:
        yield f"busy with {agent.busy_with_short_id or agent.busy_with}"
    if agent.lock:
        yield f"{agent.lock_holder_short_id} has the lock {agent.lock} on its host"


def _rest(count: int) -> Iterator[Line]:
    if count > 0:
        yield "  ", f"and {count} more; `-o json` has all"


def _fixes(found: Explanation, options: str) -> Iterator[Line]:
    for fix in found.fixes:
        yield "  - ", fix.text
        if fix.command:
            # An agent is started where it runs, with settings of its own.
            yield "      ", fix.command + ("" if fix.command.startswith("cictl run-agent") else options)
