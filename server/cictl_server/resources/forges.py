"""The forge of a project, which is told how its runs stand."""

from __future__ import annotations

import falcon

from cictl.wire.forges import Forge, ForgeRequest, ForgeTest
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services

_NONE = "unknown, or it has none"


class ForgeResource:
    """`/api/v1/projects/{project_id}/forge`"""

    def __init__(self, services: Services) -> None:
        self._forges = services.forges.forges

    @api(answers={200: Forge, 404: _NONE})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Show the forge of a project, and whether it takes what it is told; never the token."""
        media.write(resp, self._forges.show(_project(project_id)))

    @api(request=ForgeRequest, answers={200: Forge, 400: "a bad field", 404: "unknown", 409: "keys of other servers"})
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Tell a forge of the project's further runs, by statuses of their commits."""
        media.write(resp, self._forges.set(_project(project_id), media.read(req, ForgeRequest)))

    @api(answers={204: "removed", 404: _NONE})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Tell no forge of the project's runs any more, and forget the token."""
        self._forges.remove(_project(project_id))
        resp.status = 204


class ForgeTestResource:
    """`/api/v1/projects/{project_id}/forge/test`"""

    def __init__(self, services: Services) -> None:
        self._forges = services.forges.forges

    @api(answers={200: ForgeTest, 404: _NONE}, takes_key=False)
    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Ask the forge for the repository, with the token; no commit gets a status."""
        media.write(resp, self._forges.test(_project(project_id)))


def _project(project_id: str) -> int:
    return media.path_id(project_id, noun="project")
