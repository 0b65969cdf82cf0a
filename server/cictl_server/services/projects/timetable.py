"""The schedules of a project, which are those of its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from cictl.project_file.cron.times import cron_times
from cictl.project_file.definition import Schedule
from cictl_server.store.contract import Transaction
from cictl_server.store.records.projects import PipelineRecord, ScheduleRecord

_Times = tuple[int, str, str]
"""The record of a pipeline, a cron expression and a zone: what makes a schedule the same in another version of the file."""


def next_time(schedule: Schedule, *, after: datetime) -> datetime | None:
    """Return the first instant of *schedule* that is later than *after*; None if there is none."""
    return next(cron_times(schedule.cron, schedule.timezone, after=after), None)


def follow_file(tx: Transaction, project_id: int, *, now: datetime) -> None:
    """Make the schedules of a project those of its stored pipelines.

    One that has the times of an old one takes its place, with its next instant and its pause. The others begin after *now*.
    """
    known: dict[_Times, list[ScheduleRecord]] = {}
    for old in tx.schedules.iter_all():
        if old.project_id == project_id:
            known.setdefault(_times(old.pipeline_id, old.definition), []).append(old)
    for pipeline in tx.pipelines.of_project(project_id):
        for position, definition in enumerate(_in_file(pipeline), 1):
            same = known.get(_times(pipeline.id, definition))
            if same:
                tx.schedules.put(replace(same.pop(0), position=position, definition=definition))
            else:
                tx.schedules.put(_new(tx, pipeline, position, definition, now=now))
    for gone in known.values():
        for old in gone:
            tx.schedules.delete(old.id)


def _new(
    tx: Transaction, pipeline: PipelineRecord, position: int, definition: Schedule, *, now: datetime
) -> ScheduleRecord:
    return ScheduleRecord(
        id=tx.schedules.next_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        pipeline=pipeline.definition.id,
        position=position,
        definition=definition,
        next=next_time(definition, after=now),
    )


def _in_file(pipeline: PipelineRecord) -> Iterator[Schedule]:
    return iter(pipeline.definition.on.schedule if pipeline.definition.on else ())


def _times(pipeline_id: int, definition: Schedule) -> _Times:
    return pipeline_id, definition.cron, definition.timezone
