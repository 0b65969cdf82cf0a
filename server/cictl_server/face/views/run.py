"""A run: its jobs, where it comes from, and what can be done with it."""

from __future__ import annotations

import falcon

from cictl.base.job_parts import ApprovalSpec
from cictl_server.face.drawing.graph import MOST_DRAWN, graph, told
from cictl_server.face.page import Pages, View
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.policies.approvals import may_approve, who_may_approve


class RunPage:
    """`/runs/{run}`"""

    def __init__(self, services: Services) -> None:
        self._graph = services.runs.graph
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Show a run with its jobs."""
        self._pages.show_live(req, resp, lambda: self._view(principal_of(req), run))

    def _view(self, principal: Principal, run: str) -> View:
        found = self._graph.get(run)

        def decides(approval: ApprovalSpec | None) -> bool:
            return approval is not None and _may_decide(principal, approval)

        return View(
            template="run.html",
            title=f"Run {found.run.number}",
            section="overview",
            command=f"cictl runs show {found.run.number}",
            watches=(f"run:{found.run.number}", *(f"job:{job.id}" for job in found.run.jobs[:_MOST_WATCHED])),
            values={
                "run": found.run,
                "jobs": found.jobs,
                "run_approval": found.approval,
                "decides": decides,
                "who_decides": who_may_approve,
                "told": told,
                "graph": graph if 1 < len(found.jobs) <= MOST_DRAWN else None,
            },
        )


_MOST_WATCHED = 100
"""Executions whose end is heard of even when they are deleted; changes of the others come with the number of the run."""


def _may_decide(principal: Principal, approval: ApprovalSpec) -> bool:
    return principal.is_everybody or may_approve(principal.role, approval)
