"""The filters of lists of jobs, runs and tests: names as arguments are, found in the same way."""

from __future__ import annotations

from collections.abc import Callable

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.job_names import find_run
from cictl.cli.names import find_agent, find_project, find_target
from cictl.wire.jobs import JobExecution
from cictl_client import Client


def find_filters(client: Client, *, project: str, pipeline: str, agent: str, run: str) -> dict[str, str]:
    """Return what narrows a list of jobs to the things that the user means; an empty text means any.

    What does not exist any more, but has jobs, is found by its whole name.

    Raises:
        Failure: Something is unknown (5) or ambiguous (2).
    """
    found = {"project": "", "pipeline": "", "agent": "", "run": find_run(client, run) if run else ""}
    if agent:
        found["agent"] = _found_or_past(client, "agent", agent, lambda: find_agent(client, agent).agent_id)
    if project:
        found["project"] = _project_or_past(client, project)
    if pipeline:
        found |= _pipeline(client, pipeline, project)
    return found


def find_place(client: Client, *, project: str, pipeline: str, chains: bool = False) -> tuple[str, str]:
    """Return the project and the pipeline that the user means, as the server takes them; an empty text means any.

    Args:
        chains: Whether *pipeline* may name a chain.

    Raises:
        Failure: Something is unknown (5) or ambiguous (2).
    """
    if pipeline:
        target = find_target(client, _whole(project, pipeline), chains=chains)
        return target.project_filter, target.name
    return _project_or_past(client, project) if project else "", ""


def _project_or_past(client: Client, text: str) -> str:
    return _found_or_past(client, "project", text, lambda: _project(client, text))


def _project(client: Client, text: str) -> str:
    """Return the name, which jobs of a project that was deleted and imported again bear too; or the id that was typed.

    `find_project` refuses a name that several projects have.
    """
    project = find_project(client, text)
    return text if text == str(project.id) else project.name


def _pipeline(client: Client, text: str, project: str) -> dict[str, str]:
    try:
        target = find_target(client, _whole(project, text), chains=False)
    except Failure as failure:
        if failure.exit_code is not ExitCode.NOT_FOUND or not _has_jobs(client, "pipeline", text):
            raise
        return {"pipeline": text}
    return {"project": target.project_filter, "pipeline": target.name}


def _whole(project: str, pipeline: str) -> str:
    return f"{project}/{pipeline}" if project and "/" not in pipeline else pipeline


def _found_or_past(client: Client, kind: str, text: str, find: Callable[[], str]) -> str:
    try:
        return find()
    except Failure as failure:
        if failure.exit_code is not ExitCode.NOT_FOUND or not _has_jobs(client, kind, text):
            raise
        return text


_NAMES: dict[str, Callable[[JobExecution], str]] = {
    "agent": lambda job: job.leased_by_agent_id,
    "project": lambda job: job.facts.project,
    "pipeline": lambda job: job.facts.pipeline_id,
}


def _has_jobs(client: Client, kind: str, text: str) -> bool:
    """Tell whether any job bears *text* as its *kind*; a reference server ignores the filter, so the job is looked at."""
    project, pipeline, agent = (text if kind == name else "" for name in ("project", "pipeline", "agent"))
    found = client.list_jobs(max_jobs=1, project=project, pipeline=pipeline, agent=agent)
    return any(_NAMES[kind](job) == text for job in found.job_executions)
