"""The page that a name means: of a run, a job or a project."""

from __future__ import annotations

import re

from cictl.cli.app.session import Session
from cictl.cli.job_names import find_job_id, find_run, find_run_and_job
from cictl.cli.names import find_project, find_target
from cictl.cli.projects.here import find_checkout
from cictl.cli.short_ids import LAST
from cictl.wire.pages import OVERVIEW, job_page, project_page, run_page

_OF_RUNS = re.compile(r"[1-9][0-9]*(/.*)?|run-.*|job-.*", re.DOTALL)


def find_page(session: Session, name: str) -> str:
    """Return the address of the page of what *name* means, below the server's.

    A number is a run, as everywhere. A pipeline or a chain has its project's page.

    Args:
        name: Empty for the project that the checkout around the current directory belongs to; the overview where there is none.

    Raises:
        Failure: It means nothing (exit code 5), or several things (2).
    """
    if not name:
        return _page_here(session)
    if LAST in name or _OF_RUNS.fullmatch(name):
        return _page_of_run(session, name)
    if "/" in name:
        return project_page(find_target(session.client, name).project.id)
    return project_page(find_project(session.client, name).id)


def _page_of_run(session: Session, name: str) -> str:
    if name.startswith("job-"):
        return job_page(find_job_id(session.client, name))
    run, job = find_run_and_job(session.client, name)
    return job_page(find_job_id(session.client, name)) if job else run_page(find_run(session.client, run))


def _page_here(session: Session) -> str:
    checkout = find_checkout()
    if checkout is None:
        return OVERVIEW
    found = [project for project in session.client.list_projects() if checkout.is_built_by(project)]
    return project_page(found[0].id) if len(found) == 1 else OVERVIEW
