"""The life of a job execution: one table of allowed transitions, one function that makes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import Any

import msgspec

from cictl.wire.jobs import Cause, JobStatus
from cictl.wire.words import CONTROL
from cictl_server.errors import Conflict
from cictl_server.store.records.jobs import FailedDependency, JobRecord


class Event(Enum):
    """What can happen to an execution."""

    LEASE = auto()
    """An agent takes it."""
    REQUEUE = auto()
    """Its lease expired before it started."""
    RUN = auto()
    """Its agent says that it runs."""
    SUCCEED = auto()
    """Its agent says that it succeeded."""
    FAIL = auto()
    """Its agent says that it failed, or it was cancelled, timed out, or lost its agent."""
    SKIP = auto()
    """What it waits for can no longer succeed, or nobody approved it; it ends without having started."""
    LEAVE_OUT = auto()
    """Its condition is false; it ends without having started, and counts as a success."""


_QUEUED, _LEASED, _RUNNING = JobStatus.QUEUED, JobStatus.LEASED, JobStatus.RUNNING

TRANSITIONS: dict[tuple[JobStatus, Event], JobStatus] = {
    (_QUEUED, Event.LEASE): _LEASED,
    (_QUEUED, Event.RUN): _RUNNING,
    (_QUEUED, Event.FAIL): JobStatus.FAILED,
    (_QUEUED, Event.SKIP): JobStatus.FAILED,
    (_QUEUED, Event.LEAVE_OUT): JobStatus.SUCCEEDED,
    (_LEASED, Event.REQUEUE): _QUEUED,
    (_LEASED, Event.RUN): _RUNNING,
    (_LEASED, Event.SUCCEED): JobStatus.SUCCEEDED,
    (_LEASED, Event.FAIL): JobStatus.FAILED,
    (_RUNNING, Event.RUN): _RUNNING,
    (_RUNNING, Event.SUCCEED): JobStatus.SUCCEEDED,
    (_RUNNING, Event.FAIL): JobStatus.FAILED,
}
"""The allowed transitions. A missing pair is refused, so nothing leaves a terminal status."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution ends.

    Attributes:
        error: Text for people; empty for success.
        log_size: Bytes of its log that count; an agent may send more later.
        closing_line: The last line of the log, added by the server.
        failed_dependency: The failed job or pipeline that it waited for, if that ended it.
        cancelled_by: The name of the token with which somebody cancelled it.
    """

    log_size: int
    error: str = ""
    cause: Cause | None = None
    exit_code: int | None = None
    closing_line: str = ""
    failed_dependency: FailedDependency | None = None
    cancelled_by: str = ""


def shown_log_size(job: JobRecord, shown_size: Callable[[str], int]) -> int:
    """Return how many bytes of the log of *job*, which is about to end, may be shown; *shown_size* tells it by the log's name.

    Some changes end thousands of executions that wait. These have no log yet, so none is looked for.
    """
    return 0 if job.status is JobStatus.QUEUED else shown_size(job.log_name)


def advance(
    job: JobRecord, event: Event, *, now: datetime, agent_id: str = "", ending: Ending | None = None, **changes: Any
) -> JobRecord:
    """Return *job* after *event*, with its times set. Nothing else changes a status.

    Args:
        agent_id: The agent that takes or runs it; needed for LEASE and RUN.
        ending: Needed for the events that end it.
        changes: Other fields to replace in the same step.

    Raises:
        Conflict: `TRANSITIONS` does not allow it.
    """
    status = TRANSITIONS.get((job.status, event))
    if status is None:
        raise Conflict(f"job is {job.status}: it cannot {event.name.lower()}")
    times: dict[str, Any] = {}
    match event:
        case Event.LEASE:
            times = {"leased": now, "agent_id": agent_id}
        case Event.REQUEUE:
            times = {
                "leased": None,
                "agent_id": "",
                "current_step": "",
                "lease_request_id": "",
                "lease_process": "",
                "lease_slot": 0,
                "lease_server": "",
                "lock_host": "",
                "job_token_hash": "",
                "log_generation": job.log_generation + 1,
            }
        case Event.RUN:
            times = {"started": job.started or now, "agent_id": agent_id, "leased": job.leased or now}
        case _:
            assert ending is not None
            times = {"finished": now, "current_step": "", "approval_due": None, **_fields(ending)}
            if event not in (Event.SKIP, Event.LEAVE_OUT):
                times["started"] = job.started or now
    return msgspec.structs.replace(job, status=status, **{**changes, **times})


def left_out(job: JobRecord, *, now: datetime, **changes: Any) -> JobRecord:
    """Return the queued *job* as it ends because its condition is false."""
    ending = Ending(log_size=0, closing_line=f"{CONTROL}skipped: its condition is false: {job.condition}")
    return advance(job, Event.LEAVE_OUT, now=now, ending=ending, skipped=True, **changes)


def _fields(ending: Ending) -> dict[str, Any]:
    return {
        "error": ending.error,
        "cause": ending.cause,
        "exit_code": ending.exit_code,
        "log_size": ending.log_size,
        "closing_line": ending.closing_line,
        "failed_dependency": ending.failed_dependency,
        "cancelled_by": ending.cancelled_by,
    }
