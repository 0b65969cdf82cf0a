"""What the tables of schedules show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cictl.cli.output.table import Column, Result
from cictl.wire.schedules import Schedule, ScheduleList

_Next = tuple[Schedule, datetime]


def _times(schedule: Schedule) -> str:
    return f"{schedule.cron} {schedule.timezone or 'UTC'}"


def _local(instant: datetime | None) -> str:
    """Return an instant as clocks show it where the reader is, with their distance from UTC."""
    return instant.astimezone().isoformat(sep=" ", timespec="minutes") if instant else ""


def _next(schedule: Schedule) -> datetime | None:
    return schedule.next_utc[0] if schedule.next_utc else None


def _until(instant: datetime | None) -> Callable[[datetime], timedelta | None]:
    return lambda now: instant - now if instant else None


def _state(schedule: Schedule) -> str:
    return "paused" if schedule.paused else "failing" if schedule.problem else "active"


_COLUMNS: tuple[Column[Schedule], ...] = (
    Column("SCHEDULE", lambda s: s.name, shrinks=True),
    Column("TIMES", _times, shrinks=True),
    Column("STATE", _state),
    Column("NEXT", lambda s: _local(_next(s))),
    Column("IN", lambda s: _until(_next(s))),
    Column("LAST RUN", lambda s: s.last_run or ""),
    Column("STARTED", lambda s: s.last_utc),
    Column("WHY", lambda s: s.pause_reason or s.problem, folds=True),
    Column("PAUSED BY", lambda s: s.paused_by),
    Column("REF", lambda s: s.ref, wide=True),
    Column("INPUTS", lambda s: [f"{name}={value}" for name, value in s.inputs.items()], wide=True),
)

_NEXT_COLUMNS: tuple[Column[_Next], ...] = (
    Column("NEXT", lambda row: _local(row[1])),
    Column("IN", lambda row: _until(row[1])),
    Column("SCHEDULE", lambda row: row[0].name, shrinks=True),
    Column("TIMES", lambda row: _times(row[0]), shrinks=True),
)


def schedules_result(found: ScheduleList) -> Result[Schedule]:
    return Result(
        message=found,
        rows=found.schedules,
        columns=_COLUMNS,
        name=lambda schedule: schedule.name,
        empty="no pipeline has a schedule",
    )


def schedule_result(schedule: Schedule) -> Result[Schedule]:
    return Result(message=schedule, rows=[schedule], columns=_COLUMNS, name=lambda one: one.name)


def next_result(found: ScheduleList) -> Result[_Next]:
    """Return the instants of all schedules, the soonest first."""
    rows = [(schedule, instant) for schedule in found.schedules for instant in schedule.next_utc]
    return Result(
        message=found,
        rows=sorted(rows, key=lambda row: (row[1], row[0].name)),
        columns=_NEXT_COLUMNS,
        name=lambda row: row[0].name,
        empty="no schedule starts a run",
    )
