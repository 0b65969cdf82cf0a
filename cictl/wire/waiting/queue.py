"""The queue and the history as a whole on the wire: lists of their jobs, and whether the queue gives anything out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.codec import Message
from cictl.wire.jobs import JobExecution


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


class JobList(Message):
    """The plain list of `GET jobs`, newest first. `next_cursor` (ours) fetches the next part; it is absent at the end."""

    job_executions: list[JobExecution]
    next_cursor: str = ""


class JobPage(Message):
    """`GET jobs?view=queued|history`: one page, newest first. `total` counts no further than the cap."""

    view: str
    total: int
    offset: int
    limit: int
    job_executions: list[JobExecution]


class JobGroup(Message):
    """The executions of one run in the summary, or a single execution, whose `collapsible` is false.

    Attributes:
        started_by: The name of the token with which the run was started; absent if nobody was authenticated (ours).
    """

    key: str
    job_count: int
    collapsible: bool
    run_id: str = ""
    started_by: str = ""


class JobSummary(Message):
    """`GET jobs?view=summary`. The two lists are null when empty, as the reference sends them."""

    view: str
    max: int
    total: int
    queued_count: int
    history_count: int
    queued_group_count: int
    history_group_count: int
    queued_groups: list[JobGroup] | None
    history_groups: list[JobGroup] | None


class ClearedQueue(Message):
    cleared: int


class FlushedHistory(Message):
    flushed: int
