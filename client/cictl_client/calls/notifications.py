"""Calls about notifications."""

from __future__ import annotations

from cictl.wire.notifications import NotificationList, NotificationTest, NotificationTests
from cictl_client.calls.calls import Calls, given


class NotificationCalls(Calls):
    """What the server tells others when runs end."""

    def list_notifications(
        self, *, project: str = "", state: str = "", limit: int = 50, cursor: str = ""
    ) -> NotificationList:
        """Return notifications, newest first.

        Args:
            project: Only those of the project with this name or id.
            state: Only those that are `waiting`, `delivered` or `given_up`.
            limit: 1 to 500.
            cursor: The `next_cursor` of the list before.
        """
        query = given(project=project, state=state, limit=limit, cursor=cursor)
        return self._transport.get(NotificationList, "/api/v1/notifications", params=query)

    def test_notifications(self, project_id: int) -> list[NotificationTest]:
        """Send a test to each target of a project, and return how they took it."""
        path = f"/api/v1/projects/{project_id}/notifications/test"
        return self._mutations.post(NotificationTests, path).results
