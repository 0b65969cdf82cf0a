"""The server itself: how it is, its updates, its restart, and the way to the other pages for admins."""

from __future__ import annotations

import falcon

from cictl.wire.admin.updates import UpdateKey, UpdateRequest
from cictl.wire.jobs import JobStatus
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_BACK = "admin"


class AdminPage:
    """`/admin`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show how the server is, and what can be done to it."""
        services = self._services
        status = services.updates.update.status()
        view = View(
            template="admin/server.html",
            title="Admin",
            section="admin",
            command="cictl update status",
            watches=("project",),
            values={
                "info": services.about.runtime.info(),
                "state": services.about.runtime.state(),
                "ready": services.about.readiness.examine(),
                "servers": services.about.runtime.servers().servers,
                "update": status.status,
                "key": UpdateKey,
                "versions": _versions(status.status),
            },
        )
        self._pages.show(req, resp, view)


def _versions(status: dict[str, str]) -> list[str]:
    """Return the versions that the server can go back to without a network."""
    return [one.strip() for one in status.get(UpdateKey.ROLLBACK_VERSIONS, "").split(",") if one.strip()]


class UpdateCheckPage:
    """`/admin/update/check`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._updates = services.updates.update

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Look for a newer release; the page tells what was found."""
        self._updates.check()
        go_to(req, resp, _BACK)


class UpdateApplyPage:
    """`/admin/update`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what an update does."""
        latest = self._services.updates.update.status().status.get(UpdateKey.LATEST, "")
        question = Question(
            title=f"Update the server to {latest or 'the latest release'}?",
            text=[
                "The version is installed beside the running one and tried on a copy of the data.",
                "Then the server switches to it, and back if it is not healthy.",
                f"{_active(self._services)} Agents go on with their jobs while the server is away for some seconds.",
            ],
            button="Update",
            back=_BACK,
            command="cictl update apply",
            is_harmful=False,
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Update; the page shows how far it is."""
        self._services.updates.update.apply(UpdateRequest())
        go_to(req, resp, _BACK)


class UpdateRollbackPage:
    """`/admin/rollback`, with `?version=`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what going back does."""
        version = req.get_param("version") or ""
        question = Question(
            title=f"Go back to {version or 'the version before'}?",
            text=["The data stays as it is: a version that can't open it is refused.", _active(self._services)],
            button="Go back",
            back=_BACK,
            command=command("update", "rollback", *([version] if version else [])),
            hidden={"version": version},
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Go back."""
        self._services.updates.update.rollback(UpdateRequest(target_version=read_form(req).get("version", "")))
        go_to(req, resp, _BACK)


class RestartPage:
    """`/admin/restart`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what a restart does."""
        question = Question(
            title="Restart the server?",
            text=[
                "Answers under way are finished first. Browsers are logged out, as sessions end with the server.",
                _active(self._services),
            ],
            button="Restart",
            back=_BACK,
            command="cictl server restart",
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Restart; the page says when the server is back."""
        self._services.updates.restart.restart()
        go_to(req, resp, _BACK)


class HistoryFlushPage:
    """`/admin/flush-history`"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say how many executions go."""
        counts = self._services.core.store.look(lambda view: view.jobs.count_by_status())
        count = counts[JobStatus.SUCCEEDED] + counts[JobStatus.FAILED]
        question = Question(
            title="Flush the history?",
            text=[
                f"This deletes {counted(count, 'finished job')} of all projects, with logs, artifacts and test reports.",
                "Those of a run that still waits for something stay.",
            ],
            button=f"Delete {counted(count, 'job')}",
            back=_BACK,
            command="cictl jobs flush-history",
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Delete all that is over."""
        self._services.jobs.removal.flush_history()
        go_to(req, resp, _BACK)


def _active(services: Services) -> str:
    counts = services.core.store.look(lambda view: view.jobs.count_by_status())
    running = counts[JobStatus.RUNNING] + counts[JobStatus.LEASED]
    return f"{counted(running, 'job')} {'is' if running == 1 else 'are'} at work, and {counts[JobStatus.QUEUED]} wait."
