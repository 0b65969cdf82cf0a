"""Schedules: when runs start by the clock."""

from __future__ import annotations

import falcon

from cictl.wire.projects import RunResponse
from cictl.wire.schedules import Schedule, ScheduleList, SchedulePauseRequest
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter, nearest
from cictl_server.services import Services

_PROJECT = Parameter(name="project", text="Name or id of a project.")
_PIPELINE = Parameter(name="pipeline", text="Id of a pipeline in the file of `project`.")
_COUNT = Parameter(
    name="count", is_number=True, low=1, high=100, default=1, text="How many of the next instants of each."
)


class SchedulesResource:
    """`/api/v1/schedules`"""

    def __init__(self, services: Services) -> None:
        self._schedules = services.schedules.schedules

    @api(
        query=[_PROJECT, _PIPELINE, _COUNT],
        answers={200: ScheduleList, 400: "a pipeline without its project", 409: "several projects have that name"},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List when runs start by the clock. A count out of bounds counts as the nearest allowed one."""
        found = self._schedules.list_schedules(
            project=req.get_param("project") or "",
            pipeline=req.get_param("pipeline") or "",
            count=nearest(req, _COUNT),
            sees=principal_of(req).sees_project,
        )
        media.write(resp, ScheduleList(schedules=found))


class SchedulePauseResource:
    """`/api/v1/pipelines/{pipeline_id}/schedules/{number}/pause`"""

    def __init__(self, services: Services) -> None:
        self._schedules = services.schedules.schedules

    @api(
        request=SchedulePauseRequest,
        answers={200: Schedule, 400: "no reason, or a long one", 404: "unknown"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """Let a schedule start no runs for now."""
        reason = media.read(req, SchedulePauseRequest).reason
        media.write(resp, self._schedules.pause(*_place(pipeline_id, number), reason=reason))


class ScheduleResumeResource:
    """`/api/v1/pipelines/{pipeline_id}/schedules/{number}/resume`"""

    def __init__(self, services: Services) -> None:
        self._schedules = services.schedules.schedules

    @api(answers={200: Schedule, 404: "unknown"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """End the pause of a schedule. What came meanwhile is not made up for."""
        media.write(resp, self._schedules.resume(*_place(pipeline_id, number)))


class ScheduleRunResource:
    """`/api/v1/pipelines/{pipeline_id}/schedules/{number}/run`"""

    def __init__(self, services: Services) -> None:
        self._schedules = services.schedules.schedules

    @api(
        answers={
            201: RunResponse,
            400: "what can't be run",
            404: "unknown",
            413: "more jobs than a run may have",
            429: "as many runs of the project are not over as may be",
            503: "too many requests work with git; `Retry-After` says when to come again",
        }
    )
    def on_post(self, _req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """Start at once what a schedule starts at its times."""
        media.write(resp, self._schedules.run(*_place(pipeline_id, number)), status=201)


def _place(pipeline_id: str, number: str) -> tuple[int, int]:
    return media.path_id(pipeline_id, noun="pipeline"), media.path_id(number, noun="schedule")
