"""Notifications: what was sent, what waits, why it failed; and trying whether they would arrive."""

from __future__ import annotations

import falcon

from cictl.wire.notifications import NotificationList, NotificationState, NotificationTests
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter, nearest
from cictl_server.services import Services
from cictl_server.services.notifications.notifications import NotificationQuery

_LIMIT = Parameter(name="limit", is_number=True, low=1, high=500, default=50, text="How many.")


class NotificationsResource:
    """`/api/v1/notifications`"""

    def __init__(self, services: Services) -> None:
        self._notifications = services.notifications.notifications

    @api(
        answers={
            200: NotificationList,
            400: "an unknown state, or a bad `cursor`",
            409: "several projects have the name `project`",
        },
        query=[
            Parameter(name="project", text="Name or id of a project."),
            Parameter(name="state", text=f"One of {', '.join(NotificationState)}."),
            _LIMIT,
            Parameter(name="cursor", text="The `next_cursor` of the list before."),
        ],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List notifications, newest first. A limit out of bounds counts as the nearest allowed one."""
        query = NotificationQuery(
            project=req.get_param("project") or "",
            state=req.get_param("state") or "",
            cursor=req.get_param("cursor") or "",
        )
        found = self._notifications.list_notifications(
            query, limit=nearest(req, _LIMIT), sees=principal_of(req).sees_project
        )
        media.write(resp, found)


class NotificationTestResource:
    """`/api/v1/projects/{project_id}/notifications/test`"""

    def __init__(self, services: Services) -> None:
        self._notifications = services.notifications.notifications

    @api(answers={200: NotificationTests, 404: "unknown", 409: "the project's file names no target"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        """Send a test to each target of a project, and return how they took it; a body is ignored.

        A target that answered 410 once, and takes the test, gets notifications again.
        """
        media.write(resp, self._notifications.test(media.path_id(project_id, noun="project")))
