"""The list of runs: of all that one sees, or of one project, pipeline, branch or state."""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

import falcon

from cictl.wire.runs import RunStatus
from cictl_server.errors import CictlError
from cictl_server.face.page import Pages, View
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import listed
from cictl_server.services import Services
from cictl_server.services.runs.runs import RunQuery

_SHOWN = 50
_FILTERS = ("project", "pipeline", "branch", "status")
STATES = ("", "active", "finished", *(status.value for status in RunStatus))


class RunsPage:
    """`/runs`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs.runs
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List runs, newest first. A filter that can't be is told in a line, above an empty list."""
        self._pages.show_live(req, resp, lambda: self._view(req))

    def _view(self, req: falcon.Request) -> View:
        wanted = {name: (req.get_param(name) or "").strip() for name in _FILTERS}
        problem, runs, cursor = "", [], ""
        try:
            found = self._runs.list_runs(_query(req, wanted), limit=_SHOWN, sees=principal_of(req).sees_run)
            runs, cursor = found.runs, found.next_cursor
        except CictlError as error:
            problem = str(error)
        older = urlencode({**{name: value for name, value in wanted.items() if value}, "cursor": cursor})
        return View(
            template="runs.html",
            title="Runs",
            section="overview",
            command=_command(wanted),
            watches=() if req.get_param("cursor") else ("job",),
            values={
                "runs": runs,
                "wanted": wanted,
                "states": STATES,
                "problem": problem,
                "older": f"runs?{older}" if cursor else "",
            },
        )


def _query(req: falcon.Request, wanted: dict[str, str]) -> RunQuery:
    return RunQuery(
        statuses=listed(req, "status"),
        project=wanted["project"],
        pipeline=wanted["pipeline"],
        branch=wanted["branch"],
        cursor=req.get_param("cursor") or "",
    )


def _command(wanted: dict[str, str]) -> str:
    options = [word for name, value in wanted.items() if value for word in (f"--{name}", value)]
    return shlex.join(["cictl", "runs", "list", *options])
