"""Notifications: what the server tells others when runs end, and how that went."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from cictl.wire.codec import Item, Message
from cictl.wire.runs import RunStatus


class NotificationType(StrEnum):
    """What has happened. The first three compare with the last result of the same pipeline and branch."""

    BROKEN = "broken"
    """It failed, and did not before."""
    FIXED = "fixed"
    """It succeeded, and failed before."""
    STILL_FAILING = "still_failing"
    """It failed once more."""
    SUCCEEDED = "succeeded"
    """It succeeded, and nothing was broken."""
    FAILED = "failed"
    """It failed, and a newer run has told how the branch is."""
    CANCELLED = "cancelled"
    TEST = "test"
    """Nothing: somebody tries whether the message arrives."""


class NotificationState(StrEnum):
    """How far a notification has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class NotificationBody(Item):
    """What a target gets, as JSON.

    Attributes:
        run: The number of the run.
        status: How the run ended.
        previous: The last result of the same pipeline and branch; empty if there was none.
        url: Where the run is shown.
    """

    type: NotificationType
    project: str
    pipeline: str
    branch: str
    run: int
    status: str
    previous: str
    url: str


class Notification(Message):
    """One notification.

    Attributes:
        message_id: The same at each attempt, by which a target knows what it has got already: `webhook-id`.
        target: The URL of the webhook, or `command NAME`.
        attempts: How often it was sent, or tried.
        next_attempt_utc: When it is tried again; absent if that is at once, or never.
        error: Why the last attempt failed.
    """

    id: int
    message_id: str
    type: NotificationType
    project: str
    pipeline: str
    run: int
    status: RunStatus
    target: str
    state: NotificationState
    created_utc: datetime
    branch: str = ""
    previous: RunStatus | None = None
    attempts: int = 0
    next_attempt_utc: datetime | None = None
    finished_utc: datetime | None = None
    error: str = ""


class NotificationList(Message):
    """`GET notifications`, newest first.

    Attributes:
        next_cursor: Fetches the next part; absent at the end.
    """

    notifications: list[Notification]
    next_cursor: str = ""


class NotificationTest(Message):
    """How one target took a test.

    Attributes:
        error: Why it was not delivered; absent if it was.
    """

    target: str
    delivered: bool
    error: str = ""


class NotificationTests(Message):
    """`POST projects/{id}/notifications/test`: a result for each target of the project."""

    results: list[NotificationTest]
