"""What a newer run of a concurrency group ends of older ones, where it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cictl.base.job_parts import OnNew
from cictl.wire.jobs import Cause
from cictl.wire.words import CONTROL
from cictl_server.services.history.groups.levels import Level
from cictl_server.services.history.lifecycle import Ending, Event, advance
from cictl_server.services.history.run_book import number_of
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import JobRecord


def superseded(
    view: View,
    group: str,
    joined: Sequence[JobRecord],
    level: Level,
    *,
    now: datetime,
    shown_size: Callable[[JobRecord], int],
) -> list[JobRecord]:
    """Return the executions that the newest run of *group* ends.

    The newest counts once it is ready or has a place, so one whose needs fail ends nothing. What joins the line for an older
    run, such as a rerun, ends too.

    Args:
        joined: Those whose coming makes the difference. Where they all queue, nobody is looked for.
        shown_size: Tells how many bytes of the log of one count.
    """
    if all(level.rule(job).on_new is OnNew.QUEUE for job in joined):
        return []
    inside, line = view.jobs.with_place(group), list(view.jobs.in_line(group))
    newest = max((*inside, *(job for job in line if job.is_ready)), key=number_of, default=None)
    if newest is None:
        return []
    replaced = {
        OnNew.QUEUE: [],
        OnNew.REPLACE_WAITING: line,
        OnNew.CANCEL_RUNNING: [*line, *inside],
    }[level.rule(newest).on_new]
    members = {level.member(job): job for job in replaced if number_of(job) < number_of(newest)}
    ended = (job for member in members.values() for job in level.unfinished(view, member))
    return [_ended(job, number_of(newest), now=now, log_size=shown_size(job)) for job in ended]


def _ended(job: JobRecord, run_number: int, *, now: datetime, log_size: int) -> JobRecord:
    error = f"cancelled: superseded by run {run_number}"
    ending = Ending(log_size=log_size, error=error, cause=Cause.SUPERSEDED, closing_line=f"{CONTROL}{error}")
    return advance(job, Event.FAIL, now=now, ending=ending)
