"""Looking up a project, a pipeline or a chain, each with one error and one hint."""

from __future__ import annotations

from cictl_server.errors import NotFound
from cictl_server.store.contract import View
from cictl_server.store.records.projects import ChainRecord, PipelineRecord, ProjectRecord


def get_project(view: View, project_id: int) -> ProjectRecord:
    """Return the record of *project_id*.

    Raises:
        NotFound: No such project.
    """
    project = view.projects.find(project_id)
    if project is None:
        raise NotFound("project", hint="`cictl projects list` shows them")
    return project


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
