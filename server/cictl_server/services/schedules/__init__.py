"""Schedules: the runs that start by the clock."""

from __future__ import annotations

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.core.clock_watch import Steady
from cictl_server.services.pipelines import Pipelines
from cictl_server.services.schedules.schedules import ScheduleService
from cictl_server.services.schedules.starting import ScheduleStarter


class Schedules(msgspec.Struct, frozen=True, kw_only=True):
    schedules: ScheduleService
    starting: ScheduleStarter

    @classmethod
    def build(cls, core: Core, pipelines: Pipelines, *, steady: Steady) -> Schedules:
        return cls(
            schedules=ScheduleService(store=core.store, runs=pipelines.runs, clock=core.clock),
            starting=ScheduleStarter(store=core.store, runs=pipelines.runs, clock=core.clock, steady=steady),
        )
