"""The queue as a whole on the wire: whether it gives anything out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.codec import Message


class PauseRequest(Message):
    """`POST queue/pause`.

    Attributes:
        project: Name or id of the project whose jobs wait; empty for all jobs.
        reason: Why, in up to 200 characters. `jobs explain` shows it.
    """

    project: str = ""
    reason: str = ""


class ResumeRequest(Message):
    """`POST queue/resume`.

    Attributes:
        project: Name or id of the project whose pause ends; empty for the pause of all jobs. Each ends by itself alone.
    """

    project: str = ""


class QueuePause(Message):
    """One pause: no agent gets a job of its scope. What runs goes on.

    Attributes:
        project: The name of the project; empty if all jobs wait, with `project_id` 0.
        paused_by: The name of the token with which somebody paused; absent if nobody was authenticated.
    """

    reason: str
    since_utc: datetime
    project: str = ""
    project_id: int = 0
    paused_by: str = ""


class QueueState(Message):
    """`GET queue`, and the answer to both requests: the pauses that hold, that of all jobs first."""

    pauses: list[QueuePause] = msgspec.field(default_factory=list)
