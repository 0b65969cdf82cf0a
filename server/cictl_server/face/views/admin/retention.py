"""Retention: how long things are kept, and what would go now."""

from __future__ import annotations

import falcon

from cictl.base.sizes import size_text
from cictl.wire.retention import RetentionChange, RetentionCounts
from cictl_server.errors import InvalidRequest
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.face.views.queue import whole_number
from cictl_server.services import Services

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

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change limits; an empty field keeps what is."""
        form = read_form(req)
        limits = {name: _limit(form[name], what=what) for name, what in LIMITS.items() if form.get(name)}
        self._policies.change(RetentionChange(project=form.get("project", ""), reset="reset" in form, **limits))
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


def _limit(text: str, *, what: str) -> int:
    number = whole_number(text, what=what)
    if not 0 <= number <= _MOST:
        raise InvalidRequest(f"{what} must be from 0 to {_MOST}", hint="0 means no limit")
    return number


def _words(counts: RetentionCounts) -> str:
    runs, jobs = counted(counts.runs, "run"), counted(counts.jobs, "job")
    logs, artifacts = counted(counts.logs, "log"), counted(counts.artifacts, "artifact")
    return f"{runs} with {jobs}, {logs} and {artifacts}, {size_text(counts.bytes)} in all"
