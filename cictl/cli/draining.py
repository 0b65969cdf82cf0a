"""Waiting until an agent that drains has no job."""

from __future__ import annotations

import time

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.app.session import Session
from cictl.cli.output.outage import DeadlineReached, Outage

_NOTICE_SECONDS = 30.0


def wait_until_idle(session: Session, agent_id: str, *, timeout: float | None) -> None:
    """Return once the agent has no job.

    Raises:
        Failure: It has one after *timeout* seconds; exit code 8.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    outage = Outage(session.note, every=_NOTICE_SECONDS, deadline=deadline)
    client, patience = session.client, session.patience
    try:
        while outage.through(lambda: client.get_agent(agent_id), pause=patience.retry_seconds).job_in_progress:
            outage.pause(patience.poll_seconds)
    except DeadlineReached:
        raise Failure(
            f"{agent_id} still has a job after {timeout:g} s; it drains on",
            exit_code=ExitCode.TIMED_OUT,
            code="wait_timed_out",
            hint=f"cictl jobs list --status active --agent {agent_id}",
        ) from None
