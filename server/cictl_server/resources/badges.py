"""How pipelines stand, for pages and for build monitors."""

from __future__ import annotations

import hashlib
from datetime import UTC
from html import escape

import falcon

from cictl.wire.pages import project_page, run_page
from cictl.wire.runs import RunStatus
from cictl_server.apidoc.describe import Content, api
from cictl_server.http.access.authentication import find_principal, principal_of
from cictl_server.http.access.origin import is_of_foreign_page
from cictl_server.http.conditional import is_known
from cictl_server.http.parameters import Parameter
from cictl_server.http.svg_badge import Colour, svg_badge
from cictl_server.services import Services
from cictl_server.services.runs.standings import Sees, Standing
from cictl_server.store.records.projects import ProjectRecord

_SEEN_SECONDS = 60

_SHOWN = {
    RunStatus.SUCCEEDED: ("passing", Colour.GREEN),
    RunStatus.FAILED: ("failing", Colour.RED),
    None: ("unknown", Colour.GREY),
}
"""What a badge says of a result, and in which colour."""

_CC_STATUS = {RunStatus.SUCCEEDED: "Success", RunStatus.FAILED: "Failure", None: "Unknown"}
"""The same for build monitors."""


class BadgeResource:
    """`/badges/{project}/{pipeline}.svg`"""

    def __init__(self, services: Services) -> None:
        self._standings = services.runs.standings
        self._authentication = services.access.authentication

    @api(
        answers={
            200: Content(media=("image/svg+xml",), text="The badge.", headers={"ETag": "SHA-256 of the bytes."}),
            304: "the ETag is in `If-None-Match`",
            404: "no such project or pipeline, or none that the caller may see",
        },
        query=[
            Parameter(name="branch", text="The branch that it is about; by default the one that the pipeline builds.")
        ],
        headers=[Parameter(name="If-None-Match", text="ETags that the client has, or `*`.")],
        is_embedded=True,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project: str, pipeline: str) -> None:
        """Draw how a pipeline or a chain stands; `project` is a name or an id.

        Without a token it is there for projects alone whose badges are public. A page of another site may show it as an image.
        """
        found = self._standings.get(project, pipeline, branch=req.get_param("branch") or "", sees=self._sees(req))
        message, colour = _SHOWN[found.result]
        data = svg_badge(found.pipeline, message, colour).encode()
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        resp.set_headers(
            {
                "ETag": etag,
                "Cache-Control": f"{'public' if found.is_public else 'private'}, max-age={_SEEN_SECONDS}",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "X-Content-Type-Options": "nosniff",
            }
        )
        if is_known(req, etag):
            resp.status = 304
            return
        resp.content_type = "image/svg+xml"
        resp.data = data

    def _sees(self, req: falcon.Request) -> Sees:
        """Return which projects' badges the caller may see. A page of another site counts as somebody without a token."""
        if is_of_foreign_page(req.get_header):
            return _is_public
        if not self._authentication.is_on:
            return lambda _: True
        principal = find_principal(req, self._authentication)
        if principal is None or principal.agent_id:
            return _is_public
        return lambda project: project.public_badges or principal.sees_project(project.id, project.name)


def _is_public(project: ProjectRecord) -> bool:
    return project.public_badges


class CcResource:
    """`/cc.xml`"""

    def __init__(self, services: Services) -> None:
        self._standings = services.runs.standings
        self._base_url = services.about.base_url

    @api(answers={200: Content(media=("application/xml",), text="The feed, as CCTray and CCMenu read it.")})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Tell how all pipelines and chains stand, each on the branch that it builds, for build monitors.

        They are called `PROJECT/PIPELINE`. `lastBuildStatus` is that of the last result.
        """
        principal = principal_of(req)
        found = self._standings.list_all(sees=lambda project: principal.sees_project(project.id, project.name))
        lines = "".join(f"  {_cc_project(standing, self._base_url)}\n" for standing in found)
        resp.set_header("Cache-Control", "private, no-cache")
        resp.content_type = "application/xml"
        resp.text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Projects>\n{lines}</Projects>\n'


def _cc_project(standing: Standing, base_url: str) -> str:
    page = run_page(standing.run) if standing.run else project_page(standing.project_id)
    attributes = {
        "name": f"{standing.project}/{standing.pipeline}",
        "activity": "Building" if standing.is_active else "Sleeping",
        "lastBuildStatus": _CC_STATUS[standing.result],
        "lastBuildLabel": str(standing.run) if standing.run else "",
        "lastBuildTime": standing.changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "webUrl": base_url + page,
    }
    told = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f"<Project {told}/>"
