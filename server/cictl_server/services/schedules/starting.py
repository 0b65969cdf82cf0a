"""Starting the runs of schedules whose time has come."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from cictl.base.backoff import Attempts, Backoff
from cictl.base.clock import Clock
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.errors import CictlError, Conflict, DiskLow, GitFailed, LimitReached, NoCapacity, StoreError
from cictl_server.services.core.clock_watch import Steady
from cictl_server.services.core.deeds import deed_of_system, harmless
from cictl_server.services.pipelines.planning import SCHEDULE
from cictl_server.services.pipelines.runs import Occasion, RunService
from cictl_server.services.projects.timetable import follow_file, next_time
from cictl_server.services.schedules.lookup import name_of, run_request
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.projects import ScheduleRecord

logger = logging.getLogger(__name__)

_PASSING = (GitFailed, LimitReached, DiskLow, NoCapacity)


class _NotDue(Conflict):
    """Another server has started the run meanwhile, or the schedule was paused, or its file has it no more."""


class ScheduleStarter:
    """Starts each run once: the transaction that stores it also moves the schedule on to its next instant.

    However many instants have passed, as after a downtime, one run starts for all of them. When the clock is set back, the next
    instant stays, so none comes again. Several threads may work at once, since a remote may take minutes to answer.
    """

    def __init__(self, *, store: Store, runs: RunService, clock: Clock, steady: Steady) -> None:
        self._store = store
        self._runs = runs
        self._clock = clock
        self._attempts = Attempts(steady=steady, backoff=Backoff(first=10, most=300))
        self._has_caught_up = False

    def run_once(self) -> None:
        """Start what is due and not under way in another thread."""
        if not self._has_caught_up:
            self._catch_up()
            self._has_caught_up = True
        now = self._clock()
        for schedule in self._store.look(lambda view: [one for one in view.schedules.iter_all() if one.is_due(now)]):
            with self._attempts.trying(schedule.id) as is_ours:
                if is_ours:
                    self._start(schedule)

    def _catch_up(self) -> None:
        """Take over the schedules of projects that an earlier version has loaded."""

        def follow(tx: Transaction) -> None:
            for project in list(tx.projects.iter_all()):
                follow_file(tx, project.id, now=self._clock())

        self._store.write(follow)

    def _start(self, schedule: ScheduleRecord) -> None:
        project = self._store.look(lambda view: view.projects.find(schedule.project_id))
        name = name_of(schedule, project.name if project else "")
        occasion = Occasion(event=SCHEDULE, keep=partial(self._move_on, schedule))
        try:
            with deed_of_system(AuditAction.RUN_STARTED, awaits=TargetKind.RUN, name=f"schedule {name}"):
                self._runs.run_pipeline(schedule.pipeline_id, run_request(schedule), occasion=occasion)
        except _NotDue:
            return
        except StoreError:
            raise
        except CictlError as error:
            logger.warning("schedule starts no run schedule=%s: %s", name, error)
            self._note_problem(schedule, error)
        else:
            self._attempts.note_success(schedule.id)

    def _move_on(self, schedule: ScheduleRecord, tx: Transaction, run_number: int) -> None:
        stored, now = _still_due(schedule, tx), self._clock()
        tx.schedules.put(
            replace(stored, next=_next_after(stored, now), last=now, last_run=run_number, problem=""),
        )

    def _note_problem(self, schedule: ScheduleRecord, error: CictlError) -> None:
        """Keep why no run started. After a failure that may pass it is tried again, else with the next instant."""
        is_passing = isinstance(error, _PASSING)
        if is_passing:
            self._attempts.note_failure(schedule.id)

        def note(tx: Transaction) -> None:
            stored = _still_due(schedule, tx)
            next_time = stored.next if is_passing else _next_after(stored, self._clock())
            tx.schedules.put(replace(stored, next=next_time, problem=harmless(str(error))))

        with suppress(_NotDue):
            self._store.write(note)


def _still_due(schedule: ScheduleRecord, tx: Transaction) -> ScheduleRecord:
    """Return *schedule* as it is stored now.

    Raises:
        _NotDue: It is gone, paused, or not at the same instant any more.
    """
    stored = tx.schedules.find(schedule.id)
    if stored is None or stored.next != schedule.next or stored.is_paused:
        raise _NotDue("the schedule is not due any more")
    return stored


def _next_after(schedule: ScheduleRecord, now: datetime) -> datetime | None:
    """Return the instant that follows the present one, without those that *now* has passed."""
    return next_time(schedule.definition, after=max(now, schedule.next or now))
