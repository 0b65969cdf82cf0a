"""Looking up a project, a pipeline or a chain, each with one error and one hint."""

from __future__ import annotations

from cictl.base.urls import without_login
from cictl_server.errors import Conflict, NotFound
from cictl_server.store.contract import View
from cictl_server.store.records import ChainRecord, PipelineRecord, ProjectRecord


def get_project(view: View, project_id: int) -> ProjectRecord:
    """Return the record of *project_id*.

    Raises:
        NotFound: No such project.
    """
    project = view.projects.find(project_id)
    if project is None:
        raise NotFound("project", hint="`cictl projects list` shows them")
    return project


def check_one_project(view: View, text: str) -> None:
    """Check that *text* is the name or id of one project at most: whoever imports a project chooses its name.

    Raises:
        Conflict: Several are called so; the text has their ids.
    """
    called = [project for project in view.projects.iter_all() if text in (project.name, str(project.id))]
    if len(called) > 1:
        ids = ", ".join(f"{p.id} ({without_login(p.repo_url)})" for p in called)
        raise Conflict(f'several projects are called "{text}": {ids}', hint="name one of them by its id")


def get_pipeline(view: View, pipeline_db_id: int) -> PipelineRecord:
    """Return the record of *pipeline_db_id*.

    Raises:
        NotFound: No such pipeline.
    """
    pipeline = view.pipelines.find(pipeline_db_id)
    if pipeline is None:
        raise NotFound("pipeline", hint="`cictl pipelines list` shows them")
    return pipeline


def get_chain(view: View, chain_db_id: int) -> ChainRecord:
    """Return the record of *chain_db_id*.

    Raises:
        NotFound: No such chain.
    """
    chain = view.chains.find(chain_db_id)
    if chain is None:
        raise NotFound("pipeline chain", hint="`cictl chains list` shows them")
    return chain
