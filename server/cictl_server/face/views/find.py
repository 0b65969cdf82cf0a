"""Finding something by what people call it: a run, a job, a project, a pipeline, an agent."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

import falcon
import msgspec

from cictl_server.errors import CictlError
from cictl_server.face.page import Pages, View, go_to
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal

_RUN = re.compile(r"#?(\d{1,18})")
_JOB_OF_RUN = re.compile(r"#?(\d{1,18})/(.+)")
_JOB = re.compile(r"job-\d{1,20}")
_MOST = 50
_LONGEST = 300


class Found(msgspec.Struct, frozen=True):
    """Something that may be meant.

    Attributes:
        kind: `project`, `pipeline` or `agent`.
        path: Where its page is, below the root.
    """

    kind: str
    name: str
    path: str


class FindPage:
    """`/find`, with `?q=`"""

    def __init__(self, services: Services) -> None:
        self._graph = services.runs.graph
        self._reach = services.access.reach
        self._overview = services.runs.overview
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Go to what is called so; where several things may be meant, or none, list them."""
        text = (req.get_param("q") or "").strip()[:_LONGEST]
        principal = principal_of(req)
        if path := self._exact(text, principal):
            go_to(req, resp, path)
            return
        found = self._like(text, principal) if text else []
        same = [one for one in found if one.name.casefold() == text.casefold()]
        if len(same) == 1 or len(found) == 1:
            go_to(req, resp, (same or found)[0].path)
            return
        view = View(
            template="find.html",
            title="Find",
            values={"text": text, "found": found[:_MOST], "left_out": max(0, len(found) - _MOST)},
        )
        self._pages.show(req, resp, view)

    def _exact(self, text: str, principal: Principal) -> str:
        """Return where the run or the job is that *text* names by number or id; empty if there is none that *principal* sees."""
        try:
            if match := _RUN.fullmatch(text):
                self._reach.check_run(principal, match[1])
                return f"runs/{match[1]}"
            if _JOB.fullmatch(text):
                self._reach.check_job(principal, text)
                return f"jobs/{text}"
            if match := _JOB_OF_RUN.fullmatch(text):
                self._reach.check_run(principal, match[1])
                return self._job_of_run(*match.groups())
        except CictlError:
            return ""
        return ""

    def _job_of_run(self, run: str, name: str) -> str:
        rows = [row for job in self._graph.get(run).jobs for row in job.rows]
        meant = [row for row in rows if row.name.partition("/")[2] == name]
        return f"jobs/{meant[0].id}" if meant else ""

    def _like(self, text: str, principal: Principal) -> list[Found]:
        wanted = text.casefold()
        found: list[Found] = []
        for project in self._overview.names(sees=lambda one: principal.sees_project(one.id, one.name)):
            if wanted in project.name.casefold():
                found.append(Found("project", project.name, f"projects/{project.id}"))
            for name in project.pipelines:
                whole = f"{project.name}/{name}"
                if wanted in name.casefold() or ("/" in wanted and wanted in whole.casefold()):
                    found.append(
                        Found("pipeline", whole, f"runs?{urlencode({'project': project.id, 'pipeline': name})}")
                    )
        agents = (name for name in self._overview.agent_ids() if wanted in name.casefold())
        return [*found, *(Found("agent", name, f"agents/{quote(name, safe='')}") for name in agents)]
