"""Schedules on the wire: when runs start by the clock."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.wire.codec import Message


class Schedule(Message):
    """Times at which runs of a pipeline start.

    Attributes:
        name: `PROJECT/PIPELINE#N`.
        pipeline: The id of the pipeline in its file; `pipeline_db_id` is what the paths of schedules name it by.
        number: Which of the pipeline's schedules it is, from 1, in the order of the file.
        timezone: Of the IANA database; absent for UTC.
        ref: Branch or tag that is built; absent for the pipeline's own.
        next_utc: When runs start next, as many as were asked for; empty while it is paused, or if no time comes any more.
        last_utc: When its last run started, which has the number `last_run`; both are absent if there was none.
        problem: Why no run started when one was due last; absent if one did.
        pause_reason: Why it is paused since `paused_utc`; both are absent while it is not.
        paused_by: The name of the token with which somebody paused it; absent if nobody was authenticated.
    """

    name: str
    project: str
    project_id: int
    pipeline: str
    pipeline_db_id: int
    number: int
    cron: str
    next_utc: list[datetime]
    paused: bool
    timezone: str = ""
    ref: str = ""
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    last_utc: datetime | None = None
    last_run: int = 0
    problem: str = ""
    pause_reason: str = ""
    paused_utc: datetime | None = None
    paused_by: str = ""


class ScheduleList(Message):
    """`GET schedules`, by project, pipeline and number."""

    schedules: list[Schedule]


class SchedulePauseRequest(Message):
    """`POST pipelines/ID/schedules/N/pause`.

    Attributes:
        reason: Why, in up to 200 characters; lists show it.
    """

    reason: str = ""
