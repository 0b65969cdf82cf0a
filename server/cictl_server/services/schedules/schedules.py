"""Schedules as people see and handle them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

import msgspec
from msgspec.structs import replace

from cictl.base.clock import Clock
from cictl.project_file.cron.times import cron_times
from cictl.wire.projects import RunResponse
from cictl.wire.schedules import Schedule
from cictl_server.services.core.deeds import actor_name, note_details
from cictl_server.services.core.names import find_scope
from cictl_server.services.pipelines.planning import SCHEDULE
from cictl_server.services.pipelines.runs import Occasion, RunService
from cictl_server.services.policies.reasons import checked_reason
from cictl_server.services.projects.lookup import get_project
from cictl_server.services.projects.timetable import next_time
from cictl_server.services.schedules.lookup import get_schedule, name_of, run_request
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.projects import ScheduleRecord


class ScheduleService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    runs: RunService
    clock: Clock

    def list_schedules(
        self, *, project: str, pipeline: str, count: int, sees: Callable[[int, str], bool]
    ) -> list[Schedule]:
        """Return the schedules by project, pipeline and number, each with the next *count* instants.

        Args:
            project: Name or id of the only project; empty for all.
            pipeline: Id of the only pipeline of *project*; empty for all.
            sees: Tells by id and name whether the caller reaches a project.

        Raises:
            InvalidRequest: A pipeline without its project.
            Conflict: Several projects are called so.
        """
        with self.store.read() as view:
            name, project_id = find_scope(view, project=project, pipeline=pipeline)
            projects = {
                str(one.id): one.name
                for one in view.projects.iter_all()
                if sees(one.id, one.name) and (not name or str(one.id) == project_id)
            }
            found = [
                _shown(schedule, projects[str(schedule.project_id)], count=count)
                for schedule in view.schedules.iter_all()
                if str(schedule.project_id) in projects and pipeline in ("", schedule.pipeline)
            ]
        return sorted(found, key=lambda one: (one.project, one.project_id, one.pipeline, one.number))

    def pause(self, pipeline_db_id: int, position: int, *, reason: str) -> Schedule:
        """Let a schedule start no runs until `resume`. Pausing again replaces the reason.

        Raises:
            InvalidRequest: No reason, or a long one.
            NotFound: No such pipeline or schedule.
        """
        checked = checked_reason(reason)

        def change(schedule: ScheduleRecord) -> ScheduleRecord:
            note_details(reason=checked)
            return replace(schedule, pause_reason=checked, paused=self.clock(), paused_by=actor_name())

        return self._change(pipeline_db_id, position, change)

    def resume(self, pipeline_db_id: int, position: int) -> Schedule:
        """End the pause of a schedule; nothing happens if there is none. What came meanwhile is not made up for.

        Raises:
            NotFound: No such pipeline or schedule.
        """

        def change(schedule: ScheduleRecord) -> ScheduleRecord:
            if not schedule.is_paused:
                return schedule
            upcoming = next_time(schedule.definition, after=self.clock())
            return replace(schedule, next=upcoming, problem="", pause_reason="", paused=None, paused_by="")

        return self._change(pipeline_db_id, position, change)

    def run(self, pipeline_db_id: int, position: int) -> RunResponse:
        """Start at once what a schedule starts at its times, also while it is paused. Its next instant stays.

        Raises:
            NotFound: No such pipeline or schedule.
            InvalidRequest, InputRefused, GitFailed, DiskLow, TooLarge, LimitReached: As `RunService.run_pipeline`.
        """
        with self.store.read() as view:
            schedule = get_schedule(view, pipeline_db_id, position)

        def keep(tx: Transaction, run_number: int) -> None:
            stored = get_schedule(tx, pipeline_db_id, position)
            tx.schedules.put(replace(stored, last=self.clock(), last_run=run_number, problem=""))

        return self.runs.run_pipeline(
            pipeline_db_id, run_request(schedule), occasion=Occasion(event=SCHEDULE, keep=keep)
        )

    def _change(
        self, pipeline_db_id: int, position: int, change: Callable[[ScheduleRecord], ScheduleRecord]
    ) -> Schedule:
        def store(tx: Transaction) -> Schedule:
            changed = change(get_schedule(tx, pipeline_db_id, position))
            tx.schedules.put(changed)
            return _shown(changed, get_project(tx, changed.project_id).name, count=1)

        return self.store.write(store)


def _shown(schedule: ScheduleRecord, project: str, *, count: int) -> Schedule:
    definition = schedule.definition
    return Schedule(
        name=name_of(schedule, project),
        project=project,
        project_id=schedule.project_id,
        pipeline=schedule.pipeline,
        pipeline_db_id=schedule.pipeline_id,
        number=schedule.position,
        cron=definition.cron,
        timezone=definition.timezone,
        ref=definition.ref,
        inputs=definition.inputs,
        next_utc=[] if schedule.is_paused else list(islice(_upcoming(schedule), count)),
        last_utc=schedule.last,
        last_run=schedule.last_run,
        problem=schedule.problem,
        paused=schedule.is_paused,
        pause_reason=schedule.pause_reason,
        paused_utc=schedule.paused,
        paused_by=schedule.paused_by,
    )


def _upcoming(schedule: ScheduleRecord) -> Iterator[datetime]:
    if schedule.next is not None:
        yield schedule.next
        yield from cron_times(schedule.definition.cron, schedule.definition.timezone, after=schedule.next)
