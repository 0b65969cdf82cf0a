"""Projects and the runs of their pipelines."""

from __future__ import annotations

import falcon

from cictl.wire.projects import ImportRequest, ProjectList, ProjectResponse, RunRequest
from cictl_server.resources import media
from cictl_server.services import Services


class ProjectsResource:
    """`/api/v1/projects`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 ProjectList, by name."""
        media.write(resp, ProjectList(projects=self._projects.list_projects()))


class ProjectImportResource:
    """`/api/v1/projects/import`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """POST ImportRequest: 201 ImportResponse; 400 for a bad field, repository or project file."""
        media.write(resp, self._projects.import_project(media.read(req, ImportRequest)), status=201)


class ProjectResource:
    """`/api/v1/projects/{project_id}`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    def on_get(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """GET: 200 ProjectResponse; 404 unknown."""
        project = self._projects.get_project(media.path_id(project_id, noun="project"))
        media.write(resp, ProjectResponse(project=project))

    def on_delete(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """DELETE: 204; 404 unknown."""
        self._projects.delete_project(media.path_id(project_id, noun="project"))
        resp.status = 204


class ProjectReloadResource:
    """`/api/v1/projects/{project_id}/reload`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """POST, body ignored: 200 ImportResponse; 400 for a bad repository or file; 404 unknown."""
        media.write(resp, self._projects.reload_project(media.path_id(project_id, noun="project")))


class PipelineRunResource:
    """`/api/v1/pipelines/{pipeline_id}/run-selection`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str) -> None:
        """POST RunRequest: 201 RunResponse; 400 for all that can't be run; 404 unknown."""
        number = media.path_id(pipeline_id, noun="pipeline")
        request = media.read(req, RunRequest)
        media.write(resp, self._runs.run_pipeline(number, request), status=201)
