"""Schedules: paused, resumed, and started at once."""

from __future__ import annotations

import falcon

from cictl.wire.admin.access import Role
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command
from cictl_server.services.schedules.lookup import get_schedule


class _SchedulePage:
    def __init__(self, services: Services) -> None:
        self._schedules = services.schedules.schedules
        self._projects = services.projects.projects
        self._store = services.core.store
        self._pages = Pages(services)

    def _project_of(self, place: tuple[int, int]) -> int:
        with self._store.read() as view:
            return get_schedule(view, *place).project_id


class SchedulePausePage(_SchedulePage):
    """`/pipelines/{pipeline_id}/schedules/{number}/pause`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """Ask for the reason."""
        principal_of(req).check_role(Role.OPERATOR)
        pipeline, position = _place(pipeline_id, number)
        project = self._projects.get_project(self._project_of((pipeline, position)))
        pipeline_name = next((one.pipeline_id for one in project.pipelines if one.id == pipeline), pipeline_id)
        name = f"{project.name}/{pipeline_name}#{position}"
        question = Question(
            title=f"Pause {name}?",
            text=["It starts no runs until somebody resumes it. What comes meanwhile is not made up for."],
            button="Pause",
            back=f"projects/{project.id}",
            command=command("schedules", "pause", name) + " --reason TEXT",
            asks=("reason", "Why? Lists show it"),
            is_needed=True,
            is_harmful=False,
        )
        ask(self._pages, req, resp, question, section="overview")

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """Pause the schedule."""
        found = self._schedules.pause(*_place(pipeline_id, number), reason=read_form(req).get("reason", ""))
        go_to(req, resp, f"projects/{found.project_id}")


class ScheduleResumePage(_SchedulePage):
    """`/pipelines/{pipeline_id}/schedules/{number}/resume`: a form alone"""

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """End the pause."""
        found = self._schedules.resume(*_place(pipeline_id, number))
        go_to(req, resp, f"projects/{found.project_id}")


class ScheduleRunPage(_SchedulePage):
    """`/pipelines/{pipeline_id}/schedules/{number}/run`: a form alone"""

    def on_post(self, req: falcon.Request, resp: falcon.Response, pipeline_id: str, number: str) -> None:
        """Start at once what the schedule starts at its times, and go to that run."""
        started = self._schedules.run(*_place(pipeline_id, number))
        go_to(req, resp, f"runs/{started.run_number}")


def _place(pipeline_id: str, number: str) -> tuple[int, int]:
    return media.path_id(pipeline_id, noun="pipeline"), media.path_id(number, noun="schedule")
