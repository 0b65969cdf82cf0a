"""A run: its jobs, where it comes from, and what can be done with it."""

from __future__ import annotations

import falcon

from cictl_server.face.page import Pages, View
from cictl_server.services import Services


class RunPage:
    """`/runs/{run}`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs.runs
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Show a run with its jobs."""
        found = self._runs.get_run(run)
        view = View(
            template="run.html",
            title=f"Run {found.number}",
            section="overview",
            command=f"cictl runs show {found.number}",
            watches=(f"run:{found.number}",),
            values={"run": found},
        )
        self._pages.show(req, resp, view)
