"""Whether a wait would have no end: with no agents but those that are there, on the server of a local run."""

from __future__ import annotations

from collections.abc import Mapping

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.wire.jobs import JobState, JobStatus
from cictl.wire.waiting.explain import Explanation, Reason
from cictl_client import Client


def failure_if_stuck(client: Client, left: Mapping[str, JobState], labels: Mapping[str, str]) -> Failure | None:
    """Return the failure of a wait for the jobs *left*: they lack something that the agents don't have, or need such jobs.

    None while anything can still go on, also while an agent looks for a tool that it is asked for.

    Args:
        left: The jobs that are not over, by id.
        labels: What each is called.
    """
    if any(state.status is not JobStatus.QUEUED for state in left.values()):
        return None
    explained = {job_id: client.explain_job(job_id) for job_id in left}
    lacking = {job_id: _lacks(found) for job_id, found in explained.items()}
    if not any(lacking.values()):
        return None
    if any(not lacking[job_id] and found.reason is not Reason.BLOCKED for job_id, found in explained.items()):
        return None
    named = [f"{labels[job_id]} ({lacks})" for job_id, lacks in lacking.items() if lacks]
    return Failure(
        f"this machine cannot run {', '.join(named)}",
        exit_code=ExitCode.NO_AGENT,
        code="no_agent",
        hint="install what is missing; or let the agents of a server run it: cictl run --worktree",
    )


def _lacks(found: Explanation) -> str:
    """Return what no agent has; nothing if there is an agent that has all, or looks for it."""
    unmet = [each for agent in found.agents for each in agent.unmet]
    if found.reason is not Reason.UNMET_REQUIREMENTS or any(each.asked for each in unmet):
        return ""
    return "; ".join(dict.fromkeys(each.text for each in unmet))
