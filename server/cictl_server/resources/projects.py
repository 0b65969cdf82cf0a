"""Projects and the runs of their pipelines."""

from __future__ import annotations

import falcon

from cictl.wire.projects import (
    ImportRequest,
    ImportResponse,
    ProjectList,
    ProjectResponse,
)
from cictl_server.resources import media
from cictl_server.resources.describe import api
from cictl_server.services import Services


class ProjectsResource:
    """`/api/v1/projects`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    @api(answers={200: ProjectList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the projects by name."""
        media.write(resp, ProjectList(projects=self._projects.list_projects()))


class ProjectImportResource:
    """`/api/v1/projects/import`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    @api(request=ImportRequest, answers={201: ImportResponse, 400: "a bad field, repository or project file"})
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Import a project file, or update the project that it defines."""
        media.write(resp, self._projects.import_project(media.read(req, ImportRequest)), status=201)


class ProjectResource:
    """`/api/v1/projects/{project_id}`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    @api(answers={200: ProjectResponse, 404: "unknown"})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Show one project with its definitions."""
        project = self._projects.get_project(media.path_id(project_id, noun="project"))
        media.write(resp, ProjectResponse(project=project))

    @api(answers={204: "deleted", 404: "unknown"})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Delete a project and its definitions; its executions stay."""
        self._projects.delete_project(media.path_id(project_id, noun="project"))
        resp.status = 204


class ProjectReloadResource:
    """`/api/v1/projects/{project_id}/reload`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects

    @api(answers={200: ImportResponse, 400: "a bad repository or project file", 404: "unknown"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Read the project file again. A body is ignored."""
        media.write(resp, self._projects.reload_project(media.path_id(project_id, noun="project")))
