"""Calls about schedules: when runs start by the clock."""

from __future__ import annotations

from cictl.wire.codec import encode
from cictl.wire.projects import RunResponse
from cictl.wire.schedules import Schedule, ScheduleList, SchedulePauseRequest
from cictl_client.calls.calls import GIT_SECONDS, Calls, given
from cictl_client.calls.paths import pipeline_path


class ScheduleCalls(Calls):
    """Schedules. One is named by its pipeline and its number there, from 1."""

    def list_schedules(self, *, project: str = "", pipeline: str = "", count: int = 1) -> ScheduleList:
        """Return the schedules, of *project* (its name or id) and of its *pipeline* alone if named, with their next *count* instants."""
        params = given(project=project, pipeline=pipeline, count=count)
        return self._transport.get(ScheduleList, "/api/v1/schedules", params=params)

    def pause_schedule(self, pipeline_db_id: int, number: int, *, reason: str) -> Schedule:
        """Let a schedule start no runs until it is resumed."""
        request = SchedulePauseRequest(reason=reason)
        return self._mutations.post(Schedule, f"{_path(pipeline_db_id, number)}/pause", encode(request))

    def resume_schedule(self, pipeline_db_id: int, number: int) -> Schedule:
        """End the pause of a schedule."""
        return self._mutations.post(Schedule, f"{_path(pipeline_db_id, number)}/resume")

    def run_schedule(self, pipeline_db_id: int, number: int) -> RunResponse:
        """Start at once what a schedule starts at its times."""
        return self._mutations.post(RunResponse, f"{_path(pipeline_db_id, number)}/run", timeout=GIT_SECONDS)


def _path(pipeline_db_id: int, number: int) -> str:
    return f"{pipeline_path(pipeline_db_id)}/schedules/{number}"
