"""What runs tell on the wire when they are looked at together."""

from __future__ import annotations

from datetime import datetime

from cictl.wire.codec import Message
from cictl.wire.runs import RunStatus


class EndedRun(Message):
    """One run that is over.

    Attributes:
        seconds: From the start of its first job to the end of its last; 0 if none began.
        branch: Empty where none is known.
    """

    number: int
    status: RunStatus
    seconds: float
    finished_utc: datetime
    branch: str = ""


class RunFigures(Message):
    """How the runs of one pipeline, or of one branch, went.

    Attributes:
        name: Of the pipeline or chain, or of the branch.
        success_rate: Which part of those that were not cancelled succeeded, 0 to 1; absent if there is none.
        median_seconds: How long successes usually take; absent without one.
        runs: The newest last.
    """

    project: str
    project_id: str
    name: str
    succeeded: int
    failed: int
    cancelled: int
    runs: list[EndedRun]
    success_rate: float | None = None
    median_seconds: float | None = None

    @property
    def ends(self) -> dict[str, int]:
        """How many runs had each end, the good ones first."""
        return {"succeeded": self.succeeded, "failed": self.failed, "cancelled": self.cancelled}


class AgentLoad(Message):
    """How much one agent worked in the last 24 hours.

    Attributes:
        hours: For each of these hours, the oldest first, the mean number of jobs that it ran, over its slots; 0 to 1.
        jobs: How many it ran.
        busy_seconds: The sum of their times within these hours.
    """

    agent_id: str
    slots: int
    hours: list[float]
    jobs: int
    busy_seconds: float


class Insight(Message):
    """`GET insight`.

    Attributes:
        is_all: False if there are more runs than were looked at, the newest 500.
        is_all_load: False if there were more executions in these hours than were looked at, the newest 1,000.
    """

    pipelines: list[RunFigures]
    branches: list[RunFigures]
    is_all: bool
    load: list[AgentLoad]
    is_all_load: bool
