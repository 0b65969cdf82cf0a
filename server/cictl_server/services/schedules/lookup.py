"""What a schedule is called, what it starts, and looking one up."""

from __future__ import annotations

from cictl.wire.projects import RunRequest
from cictl_server.errors import NotFound
from cictl_server.store.contract import View
from cictl_server.store.records.projects import ScheduleRecord


def name_of(schedule: ScheduleRecord, project: str) -> str:
    """Return `PROJECT/PIPELINE#N`, by which people name *schedule*."""
    return f"{project}/{schedule.pipeline}#{schedule.position}"


def get_schedule(view: View, pipeline_db_id: int, position: int) -> ScheduleRecord:
    """Return the schedule at *position*, from 1, of a pipeline.

    Raises:
        NotFound: There is none.
    """
    for schedule in view.schedules.iter_all():
        if (schedule.pipeline_id, schedule.position) == (pipeline_db_id, position):
            return schedule
    raise NotFound("schedule", hint="`cictl schedules list` shows them")


def run_request(schedule: ScheduleRecord) -> RunRequest:
    """Return what *schedule* asks to be run."""
    definition = schedule.definition
    return RunRequest(source_ref=definition.ref, inputs=dict(definition.inputs))
