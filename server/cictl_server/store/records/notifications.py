"""The record of a notification: what is to be told, whom, and how that goes."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from cictl.wire.notifications import NotificationState, NotificationType
from cictl.wire.runs import RunStatus
from cictl_server.store.records.base import Record


def _new_message_id() -> str:
    return f"msg_{uuid4().hex}"


class NotificationRecord(Record, frozen=True, kw_only=True):
    """One message to one target about one run.

    Attributes:
        message_id: By which the target knows the message when it gets it twice.
        previous: The last result of the same pipeline and branch before this one.
        webhook, secret_env, command: The target, as in the project file.
        attempts: How often it was tried; the present attempt counts.
        next_attempt: It is not tried before; None for at once.
        error: Why the last attempt failed.
    """

    id: int
    message_id: str = msgspec.field(default_factory=_new_message_id)
    type: NotificationType
    project_id: int
    project: str
    pipeline: str
    branch: str
    run: int
    status: RunStatus
    previous: RunStatus | None
    created: datetime
    webhook: str = ""
    secret_env: str = ""
    command: str = ""
    state: NotificationState = NotificationState.WAITING
    attempts: int = 0
    next_attempt: datetime | None = None
    finished: datetime | None = None
    error: str = ""

    @property
    def target(self) -> str:
        """Whom it is for, as people see it."""
        return self.webhook or f"command {self.command}"

    @property
    def queue(self) -> str:
        """In whose order it goes: the target's, as one project names it."""
        return f"{self.project_id} {self.target}"

    def over(self, state: NotificationState, *, now: datetime, error: str = "") -> NotificationRecord:
        """Return it as it is once it is not tried any more."""
        return replace(self, state=state, finished=now, next_attempt=None, error=error)

    @property
    def waits(self) -> bool:
        return self.state is NotificationState.WAITING
