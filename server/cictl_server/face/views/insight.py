"""Insight: how long runs take, how often they succeed, which tests are flaky or slow, how much agents work."""

from __future__ import annotations

import falcon

from cictl_server.face.drawing.durations import durations, scale_of
from cictl_server.face.drawing.load import load
from cictl_server.face.drawing.shares import shares
from cictl_server.face.page import Pages, View
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.artifacts.stories import TestQuery
from cictl_server.services.jobs.obstacles import command

_BARS = 60
_TESTS = 20


class InsightPage:
    """`/insight`, with `?project=` and `&pipeline=` for less"""

    def __init__(self, services: Services) -> None:
        self._insight = services.runs.insight
        self._stories = services.artifacts.stories
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show what the newest runs tell, of what the caller sees."""
        principal = principal_of(req)
        project = req.get_param("project") or ""
        pipeline = (req.get_param("pipeline") or "") if project else ""
        told = self._insight.look(project=project, pipeline=pipeline, sees=principal.reaches_project)
        flaky, slow = (
            self._stories.list_tests(query, limit=_TESTS, sees=principal.reaches_project).tests
            for query in (
                TestQuery(project=project, pipeline=pipeline, is_flaky=True),
                TestQuery(project=project, pipeline=pipeline, is_slowest_first=True),
            )
        )
        scope = [*(["--project", project] if project else []), *(["--pipeline", pipeline] if pipeline else [])]
        view = View(
            template="insight.html",
            title="Insight",
            section="insight",
            command=command("insight", "pipelines", *scope),
            values={
                "told": told,
                "commands": {
                    **{verb: command("tests", verb, *scope) for verb in ("flaky", "slow")},
                    "branches": command("insight", "branches", *scope),
                    "agents": command("insight", "agents"),
                },
                "flaky": flaky,
                "slow": slow,
                "project": project,
                "pipeline": pipeline,
                "bars": _BARS,
                "durations": durations,
                "scale_of": scale_of,
                "shares": shares,
                "load": load,
            },
        )
        self._pages.show(req, resp, view)
