"""Webhooks: their addresses and secrets, and where they come in."""

from __future__ import annotations

import falcon

from cictl.wire.triggers import HookSecret, ProjectHook
from cictl_server.apidoc.describe import Content, api
from cictl_server.http import media
from cictl_server.services import Services

_PAYLOAD = Content(
    media=("application/json",), text="What the forge sends. It is not read, only its signature is checked."
)


class HookResource:
    """`/api/v1/hooks/{project_id}`"""

    def __init__(self, services: Services) -> None:
        self._hooks = services.triggers.hooks

    @api(
        request=_PAYLOAD,
        answers={
            202: "it is noted, and the repository will be looked at",
            404: "no such project, or a wrong signature",
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Take a webhook of GitHub, Gitea, Forgejo, GitLab, or of who follows Standard Webhooks. No token is wanted."""
        number = media.path_id(project_id, noun="project")
        with media.raw_body(req) as body:
            self._hooks.receive(number, req.get_header, body)
        resp.status = 202


class ProjectHookResource:
    """`/api/v1/projects/{project_id}/hook`"""

    def __init__(self, services: Services) -> None:
        self._hooks = services.triggers.hooks

    @api(answers={200: ProjectHook, 404: "unknown"})
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Show where the webhooks of a project go; its secret is shown only when it is made."""
        media.write(resp, self._hooks.show(media.path_id(project_id, noun="project"), asked_at=req.prefix))


class ProjectHookRotateResource:
    """`/api/v1/projects/{project_id}/hook/rotate`"""

    def __init__(self, services: Services) -> None:
        self._hooks = services.triggers.hooks

    @api(
        answers={200: HookSecret, 404: "unknown", 409: "the server has not got the key that seals secrets"},
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Make another secret for the webhooks of a project; the old one counts no more. A body is ignored."""
        media.write(resp, self._hooks.rotate(media.path_id(project_id, noun="project"), asked_at=req.prefix))
