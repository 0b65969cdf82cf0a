"""Retention: how long things are kept, and what would go now."""

from __future__ import annotations

from collections.abc import Mapping

import falcon

from cictl.base.text.sizes import size_text
from cictl.wire.admin.retention import RetentionChange, RetentionCounts
from cictl_server.errors import InvalidRequest
from cictl_server.face.forms import given_of, read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.face.views.queue import whole_number
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_BACK = "admin/retention"
_MOST = 1_000_000
LIMITS = {
    "keep_runs": "Newest runs of each pipeline",
    "keep_days": "Days of runs",
    "artifact_days": "Days of artifacts",
    "log_days": "Days of logs",
}


class RetentionPage:
    """`/admin/retention`"""

    def __init__(self, services: Services) -> None:
        self._policies = services.retention.policies
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the limits."""
        view = View(
            template="admin/retention.html",
            title="Retention",
            section="admin",
            command="cictl retention show",
            watches=("project",),
            values={
                "policies": self._policies.show(),
                "limits": LIMITS,
                "projects": [(project.id, project.name) for project in self._projects.list_projects()],
            },
        )
        self._pages.show(req, resp, view)


class RetentionChangePage:
    """`/admin/retention/change`, with the limits in the query"""

    def __init__(self, services: Services) -> None:
        self._policies = services.retention.policies
        self._projects = services.projects.projects
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what the limits become. An empty field keeps what is."""
        given = given_of(req, "project", "reset", *LIMITS)
        change = _change(given)
        whose = next((p.name for p in self._projects.list_projects() if str(p.id) == change.project), "all projects")
        changes = [f"{what}: {getattr(change, name) or 'no limit'}." for name, what in LIMITS.items() if name in given]
        given_up = ["What was set before is given up first."] if change.reset else []
        words = ["--project", whose] if change.project else []
        for name in LIMITS.keys() & given.keys():
            words += [f"--{name.replace('_', '-')}", given[name]]
        question = Question(
            title=f"Change how long things of {whose} are kept?",
            text=[*given_up, *changes, "What has been kept for longer is removed within the next hour, for good."],
            button="Change",
            back=_BACK,
            command=command("retention", "set", *words),
            hidden=given,
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change the limits."""
        self._policies.change(_change(read_form(req)))
        go_to(req, resp, _BACK)


class RetentionRunPage:
    """`/admin/retention/run`"""

    def __init__(self, services: Services) -> None:
        self._retention = services.retention.retention
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what goes."""
        counts = self._retention.preview()
        question = Question(
            title="Remove what has been kept for long enough?",
            text=[f"This removes {_words(counts)}.", "The newest success of a branch and pinned runs stay."],
            button="Remove",
            back=_BACK,
            command="cictl retention run",
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Remove it, for some seconds at most; the rest goes in the background."""
        self._retention.run()
        go_to(req, resp, _BACK)


def _change(given: Mapping[str, str]) -> RetentionChange:
    limits = {name: _limit(given[name], what=what) for name, what in LIMITS.items() if given.get(name)}
    return RetentionChange(project=given.get("project", ""), reset="reset" in given, **limits)


def _limit(text: str, *, what: str) -> int:
    number = whole_number(text, what=what)
    if not 0 <= number <= _MOST:
        raise InvalidRequest(f"{what} must be from 0 to {_MOST}", hint="0 means no limit")
    return number


def _words(counts: RetentionCounts) -> str:
    runs, jobs = counted(counts.runs, "run"), counted(counts.jobs, "job")
    logs, artifacts = counted(counts.logs, "log"), counted(counts.artifacts, "artifact")
    return f"{runs} with {jobs}, {logs} and {artifacts}, {size_text(counts.bytes)} in all"
