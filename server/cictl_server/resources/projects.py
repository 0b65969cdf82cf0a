"""Projects: import, reload, views, settings, icons and deletion."""

from __future__ import annotations

import falcon

from cictl.wire.projects import (
    ImportRequest,
    ImportResponse,
    InspectRequest,
    InspectResponse,
    ProjectList,
    ProjectResponse,
    ProjectSettings,
)
from cictl.wire.triggers import ProjectCheck
from cictl_server.apidoc.describe import Content, api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.conditional import is_known
from cictl_server.http.parameters import Parameter
from cictl_server.services import Services

_GIT_IS_BUSY = "too many requests work with git; `Retry-After` says when to come again"


class ProjectsResource:
    """`/api/v1/projects`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    @api(answers={200: ProjectList})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the projects by name."""
        sees = principal_of(req).sees_project
        media.write(resp, ProjectList(projects=[p for p in self._projects.list_projects() if sees(p.id, p.name)]))


class ProjectImportResource:
    """`/api/v1/projects/import`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    @api(
        request=ImportRequest,
        answers={
            201: ImportResponse,
            400: "a bad field, repository or project file",
            404: "no project to replace",
            409: "the name is taken, or another project is of this place already",
            503: _GIT_IS_BUSY,
        },
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Import a project file, or update the project that it defines."""
        media.write(resp, self._projects.import_project(media.read(req, ImportRequest)), status=201)


class ProjectResource:
    """`/api/v1/projects/{project_id}`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

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


class ProjectSettingsResource:
    """`/api/v1/projects/{project_id}/settings`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    @api(request=ProjectSettings, answers={200: ProjectSettings, 400: "an unknown setting", 404: "unknown"})
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Change what is decided about a project on the server; absent keys keep what is stored."""
        number = media.path_id(project_id, noun="project")
        media.write(resp, self._projects.change_settings(number, media.read(req, ProjectSettings)))


class ProjectReloadResource:
    """`/api/v1/projects/{project_id}/reload`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    @api(answers={200: ImportResponse, 400: "a bad repository or project file", 404: "unknown", 503: _GIT_IS_BUSY})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Read the project file again. A body is ignored."""
        media.write(resp, self._projects.reload_project(media.path_id(project_id, noun="project")))


class ProjectCheckResource:
    """`/api/v1/projects/{project_id}/check`"""

    def __init__(self, services: Services) -> None:
        self._checks = services.triggers.checks

    @api(
        answers={
            200: ProjectCheck,
            400: "a repository that can't be read",
            404: "unknown",
            429: "as many runs of the project are not over as may be",
            503: _GIT_IS_BUSY,
        },
        takes_key=False,
    )
    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Look at the project's repository now, and start the runs that new commits ask for. A body is ignored."""
        media.write(resp, self._checks.check(media.path_id(project_id, noun="project")))


class ProjectIconResource:
    """`/api/v1/projects/{project_id}/icon`"""

    def __init__(self, services: Services) -> None:
        self._projects = services.projects.projects

    @api(
        answers={
            200: Content(
                media=("image/png", "image/jpeg", "image/bmp"),
                text="The image.",
                headers={"ETag": "SHA-256 of the bytes."},
            ),
            304: "the ETag is in `If-None-Match`",
            404: "no such project, or none with an icon",
        },
        headers=[Parameter(name="If-None-Match", text="ETags that the client has, or `*`.")],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Return the icon or logo in the project's repository."""
        icon = self._projects.find_icon(media.path_id(project_id, noun="project"))
        if icon is None:
            raise falcon.HTTPNotFound
        resp.set_headers(
            {"ETag": icon.etag, "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        )
        if is_known(req, icon.etag, is_strict=True):
            resp.status = 304
            return
        resp.content_type = icon.media_type
        resp.data = icon.data


class ProjectInspectResource:
    """`/api/v1/projects/{project_id}/inspect`"""

    def __init__(self, services: Services) -> None:
        self._inspecting = services.pipelines.definition_views

    @api(
        request=InspectRequest,
        answers={
            200: InspectResponse,
            400: "what can't be shown",
            404: "no such pipeline",
            503: "too many secrets are being tried, or " + _GIT_IS_BUSY,
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Show a pipeline or a job as YAML, as the scripts of a run, or as the secrets that its steps name."""
        number = media.path_id(project_id, noun="project")
        media.write(resp, self._inspecting.inspect(number, media.read(req, InspectRequest)))
