"""The newest run, and the newest failure, of the projects that the checkout around the current directory belongs to."""

from __future__ import annotations

from cictl.base.text.durations import ago
from cictl.cli.app.failures import not_found
from cictl.cli.app.session import Session
from cictl.cli.outcome import is_forgiven, lost_dependency, outcome
from cictl.cli.projects.here import projects_here
from cictl.cli.short_ids import short_id
from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.projects import ProjectSummary

_LOOKED_AT = 100
"""Failed jobs of a project among which the newest real failure is looked for."""


def newest_failure_here(session: Session) -> str:
    """Return the id of the job that failed last, and say on stderr which one that is.

    What was cancelled, may fail, or never ran because of another job is no failure that somebody looks for.

    Raises:
        Failure: The server builds no checkout around here (exit code 2); no job has failed (5).
    """
    projects = projects_here(session, wish="whose log?", without="cictl jobs logs JOB, or --run RUN")
    failed = [job for project in projects for job in _failed(session, project)]
    if not failed:
        names = ", ".join(project.name for project in projects)
        raise not_found(
            f"no job of {names} has failed", hint=f"`cictl jobs list{session.server_options}` shows what ran"
        )
    newest = max(failed, key=lambda job: job.finished_utc or job.created_utc)
    ended = newest.finished_utc or newest.created_utc
    session.note(f"the newest failure of {newest.facts.project}: {short_id(newest)}, {ago(session.now() - ended)}")
    return newest.id


def newest_run_here(session: Session) -> str:
    """Return the name of the run that was started last, and say on stderr which one that is.

    Raises:
        Failure: The server builds no checkout around here (exit code 2); nothing has run (5).
    """
    projects = projects_here(session, wish="which run?", without="cictl runs show RUN, such as @last")
    found = [run for each in projects for run in session.client.list_runs(project=str(each.id), limit=1).runs]
    if not found:
        name = projects[0].name
        raise not_found(f"there is no run of {name} yet", hint=f"cictl run{session.server_options}")
    newest = max(found, key=lambda run: run.number)
    session.note(f"the newest run of {newest.project}: {newest.number}")
    return str(newest.number)


def _failed(session: Session, project: ProjectSummary) -> list[JobExecution]:
    found = session.client.list_jobs(max_jobs=_LOOKED_AT, status=JobStatus.FAILED, project=project.name).job_executions
    # A reference server ignores the filters, so what it answers has to be looked at.
    own = ("", str(project.id))  # of several projects with one name
    of_project = [job for job in found if job.facts.project == project.name and job.facts.project_id in own]
    return [job for job in of_project if _is_failure(job)]


def _is_failure(job: JobExecution) -> bool:
    return outcome(job) == "failed" and not lost_dependency(job) and not is_forgiven(job)
