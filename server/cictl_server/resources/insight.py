"""What runs tell when they are looked at together."""

from __future__ import annotations

import falcon

from cictl.wire.insight import Insight
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter
from cictl_server.services import Services


class InsightResource:
    """`/api/v1/insight`"""

    def __init__(self, services: Services) -> None:
        self._insight = services.runs.insight

    @api(
        query=[
            Parameter(name="project", text="Name or id of a project."),
            Parameter(name="pipeline", text="Id of a pipeline or chain of that project."),
        ],
        answers={200: Insight, 400: "`pipeline` without `project`", 409: "several projects have the name `project`"},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Tell how long the newest runs took and how often they succeeded, by pipeline and branch, and how much agents worked.

        The load of agents is that of the whole server, whatever `project` says.
        """
        found = self._insight.look(
            project=req.get_param("project") or "",
            pipeline=req.get_param("pipeline") or "",
            sees=principal_of(req).reaches_project,
        )
        media.write(resp, found)
