"""The queue: what waits, in order, each with its reason; and what changes that order or stops it."""

from __future__ import annotations

from collections.abc import Iterable

import falcon
import msgspec

from cictl.wire.admin.access import Role
from cictl.wire.jobs import JobStatus
from cictl.wire.waiting.explain import Blocker, Reason
from cictl.wire.waiting.queue import PauseRequest, QueuePause, ResumeRequest
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.jobs.obstacles import command
from cictl_server.services.jobs.waiting import WaitingJob

_SHOWN = 100
_BACK = "queue"


class GroupLine(msgspec.Struct, frozen=True, kw_only=True):
    """A concurrency group in whose line somebody stands.

    Attributes:
        holders: Who has its places, or comes first.
        waiting: How many of those that are shown wait for it.
    """

    name: str
    project: str
    holders: list[Blocker]
    waiting: int


class QueuePage:
    """`/queue`"""

    def __init__(self, services: Services) -> None:
        self._waiting = services.jobs.waiting
        self._pauses = services.policies.pauses
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the first hundred executions that wait, of those that the caller sees."""
        self._pages.show_live(req, resp, lambda: self._view(principal_of(req)))

    def _view(self, principal: Principal) -> View:
        queue = self._waiting.list_waiting(limit=_SHOWN, sees=principal.sees_job)
        return View(
            template="fleet/queue.html",
            title="Queue",
            section="queue",
            command="cictl jobs list --status queued",
            watches=("job", "agent", "project"),
            values={
                "queue": queue,
                "groups": _groups(queue.jobs),
                "pauses": seen_pauses(self._pauses.show().pauses, principal),
                "pause_is_mine": principal.reaches_project,
            },
        )


def seen_pauses(pauses: Iterable[QueuePause], principal: Principal) -> list[QueuePause]:
    """Return the pauses that concern what *principal* sees."""
    return [pause for pause in pauses if not pause.project or principal.reaches_project(pause.project)]


def _groups(jobs: Iterable[WaitingJob]) -> list[GroupLine]:
    lines: dict[tuple[str, str], list[WaitingJob]] = {}
    for job in jobs:
        if job.group and job.explanation.reason is Reason.GROUP:
            lines.setdefault((job.project, job.group), []).append(job)
    return [
        GroupLine(name=name, project=project, holders=waiting[0].explanation.blocked_by, waiting=len(waiting))
        for (project, name), waiting in lines.items()
    ]


class QueuePausePage:
    """`/queue/pause`, with `?project=ID` for the queue of one project"""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pauses = services.policies.pauses
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for the reason."""
        principal_of(req).check_role(Role.OPERATOR)
        project_id, name = self._project(req)
        words = ["--project", name] if name else []
        question = Question(
            title=f"Pause the queue of {name}?" if name else "Pause the queue?",
            text=[
                f"No agent gets a job of {name} from now on." if name else "No agent gets a job from now on.",
                "What runs goes on, and what is asked for is queued.",
            ],
            button="Pause",
            back=f"projects/{project_id}" if name else _BACK,
            command=command("queue", "pause", *words) + " --reason TEXT",
            hidden={"project": project_id},
            asks=("reason", "Why? Everybody who waits is shown this"),
            is_needed=True,
        )
        ask(self._pages, req, resp, question, section="queue")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Pause."""
        form = read_form(req)
        self._pauses.pause(PauseRequest(project=form.get("project", ""), reason=form.get("reason", "")))
        go_to(req, resp, _BACK)

    def _project(self, req: falcon.Request) -> tuple[str, str]:
        """Return the id and the name of the project in the query; both are empty if there is none."""
        text = req.get_param("project") or ""
        if not text:
            return "", ""
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise NotFound("project")
        self._services.access.reach.check_project(principal_of(req), int(text))
        return text, self._services.projects.projects.get_project(int(text)).name


class QueueResumePage:
    """`/queue/resume`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._pauses = services.policies.pauses

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End the pause of a project, or that of all jobs."""
        self._pauses.resume(ResumeRequest(project=read_form(req).get("project", "")))
        go_to(req, resp, _BACK)


class JobPriorityPage:
    """`/jobs/{job_id}/priority`: a form alone"""

    def __init__(self, services: Services) -> None:
        self._priorities = services.jobs.priorities

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Let an execution that waits go before or after others."""
        text = read_form(req).get("priority", "")
        self._priorities.prioritize(job_id, whole_number(text, what="priority"))
        go_to(req, resp, _BACK)


class QueueClearPage:
    """`/queue/clear`"""

    def __init__(self, services: Services) -> None:
        self._removal = services.jobs.removal
        self._store = services.core.store
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say how many executions go."""
        principal_of(req).check_role(Role.OPERATOR)
        counts = self._store.look(lambda view: view.jobs.count_by_status())
        queued, leased = counts[JobStatus.QUEUED], counts[JobStatus.LEASED]
        question = Question(
            title="Clear the queue?",
            text=[
                f"This removes {queued + leased} jobs that have not started: {queued} queued and {leased} leased.",
                "They leave no trace but a line in the audit. What runs goes on.",
            ],
            button=f"Remove {queued + leased} jobs",
            back=_BACK,
            command="cictl jobs clear-queue",
        )
        ask(self._pages, req, resp, question, section="queue")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Remove all that has not started."""
        self._removal.clear_queue()
        go_to(req, resp, _BACK)


def whole_number(text: str, *, what: str) -> int:
    """Return *text* as a number.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        return int(text[:20])
    except ValueError as error:
        raise InvalidRequest(f"{what} must be a whole number") from error
