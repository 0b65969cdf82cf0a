"""What is sent to one target, and how that may end."""

from __future__ import annotations

import msgspec

from cictl.wire.notifications import NotificationBody


class NotDelivered(Exception):
    """The target did not take the message. The text says why, for people."""


class TargetGone(NotDelivered):
    """The target says that it wants no more messages, ever."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one target.

    Attributes:
        message_id: By which the target knows the message when it gets it twice.
        project_id: Whose secret signs it, if the project has one of this name.
        webhook, secret_env, command: The target, as in the project file.
    """

    message_id: str
    body: NotificationBody
    project_id: int
    webhook: str = ""
    secret_env: str = ""
    command: str = ""
