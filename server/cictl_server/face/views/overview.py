"""The overview: how each pipeline stands, and what runs and waits now."""

from __future__ import annotations

import falcon

from cictl_server.face.drawing.strip import strip
from cictl_server.face.page import Pages, View
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal


class OverviewPage:
    """`/`"""

    def __init__(self, services: Services) -> None:
        self._overview = services.runs.overview
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show all pipelines that the caller sees."""
        self._pages.show_live(req, resp, lambda: self._view(principal_of(req)))

    def _view(self, principal: Principal) -> View:
        projects = self._overview.get(sees=lambda project: principal.sees_project(project.id, project.name))
        return View(
            template="overview.html",
            title="Overview",
            section="overview",
            command="cictl runs list",
            watches=("job", "project"),
            values={"projects": projects, "strip": strip},
        )
