"""Which project or run a caller means by a name, a number or an id."""

from __future__ import annotations

from cictl.base.urls import without_login
from cictl_server.errors import Conflict, InvalidRequest
from cictl_server.store.contract import View
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.runs import RunRecord

_LONGEST_NUMBER = 18


def find_project_called(view: View, text: str) -> ProjectRecord | None:
    """Return the project whose name or id is *text*; None if there is none.

    Raises:
        Conflict: Several are called so. Whoever imports a project chooses its name, so no name decides between them; the text
            has their ids.
    """
    called = [project for project in view.projects.iter_all() if text in (project.name, str(project.id))]
    if len(called) > 1:
        ids = ", ".join(f"{project.id} ({without_login(project.repo_url)})" for project in called)
        raise Conflict(f'several projects are called "{text}": {ids}', hint="name one of them by its id")
    return called[0] if called else None


def find_scope(view: View, *, project: str, pipeline: str) -> tuple[str, str]:
    """Return the name and the id of the project that a list is narrowed to; the id is empty if no project is called so.

    Args:
        pipeline: Id of the pipeline that the list is narrowed to; empty for none.

    Raises:
        InvalidRequest: A pipeline without its project.
        Conflict: Several projects are called so.
    """
    if pipeline and not project:
        raise InvalidRequest("pipeline needs project", hint="ids of pipelines are those of one project's file")
    found = find_project_called(view, project) if project else None
    return (found.name, str(found.id)) if found else (project, "")


def find_run_called(view: View, text: str) -> RunRecord | None:
    """Return the run whose number is *text*, or whose id, or the id of one of whose pipelines; None if there is none."""
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        return view.runs.find(int(text))
    jobs = (view.jobs.of_run(text) or view.jobs.of_chain_run(text)) if text else []
    return view.runs.find(int(jobs[0].facts.run_number or 0)) if jobs else None
