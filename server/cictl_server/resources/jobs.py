"""Job executions: lists, single ones, cancellation and status reports."""

from __future__ import annotations

from functools import partial

import falcon

from cictl.wire import words
from cictl.wire.agents import ReportAnswer, StatusRequest
from cictl.wire.jobs import BlockedBy, DeletedJob, JobResponse, JobStateResponse, PriorityRequest, RerunResponse
from cictl.wire.problems import Code, Problem
from cictl.wire.waiting.queue import ClearedQueue, FlushedHistory, JobList, JobPage, JobSummary
from cictl_server.apidoc.describe import api
from cictl_server.errors import NotFound
from cictl_server.http import errors, media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import LEASE_TOKEN, Parameter, lease_token, listed, nearest
from cictl_server.services import Services
from cictl_server.services.history.holder import Sender
from cictl_server.services.jobs.lists import JobFilter

_MAX = Parameter(name="max", is_number=True, low=1, high=2000, default=150, text="Of how many newest executions.")
_OFFSET = Parameter(name="offset", is_number=True, high=1_000_000, default=0, text="For a page: the first wanted.")
_LIMIT = Parameter(name="limit", is_number=True, low=1, high=200, default=25, text="For a page: how many.")

_LIST_QUERY = (
    Parameter(name="view", choices=("queued", "history", "summary"), text="Pages or groups instead of the plain list."),
    _MAX,
    _OFFSET,
    _LIMIT,
    Parameter(
        name="status", text="For the plain list: a status, `cancelled`, `active` or `finished`; several with commas."
    ),
    Parameter(name="project", text="For the plain list: name or id of a project."),
    Parameter(name="pipeline", text="For the plain list: id of a pipeline in its project file."),
    Parameter(name="agent", text="For the plain list: the agent that holds or held the execution."),
    Parameter(name="run", text="For the plain list: id of a pipeline run or a chain run, or the number of a run."),
    Parameter(
        name="split_runs", choices=("true",), text="For the plain list: end after `max` executions, even within a run."
    ),
    Parameter(name="cursor", text="For the plain list: the `next_cursor` of the list before."),
)


class JobsResource:
    """`/api/v1/jobs`"""

    def __init__(self, services: Services) -> None:
        self._lists = services.jobs.lists

    @api(
        answers={
            200: (JobList, JobPage, JobSummary),
            400: "an unknown status or cursor",
            409: "several projects have the name `project`",
        },
        query=_LIST_QUERY,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List executions, newest first.

        The plain list is a JobList. With `view`, the answer is a page of the queue or of the history as a JobPage, or the
        groups of both as a JobSummary. A number out of bounds counts as the nearest allowed one.
        """
        limit, sees = nearest(req, _MAX), principal_of(req).sees_job
        match (req.get_param("view") or "").lower():
            case "summary":
                media.write(resp, self._lists.summary(limit=limit, sees=sees))
            case "queued" | "history" as view:
                offset, page_size = nearest(req, _OFFSET), nearest(req, _LIMIT)
                page = self._lists.page(view, limit=limit, offset=offset, page_size=page_size, sees=sees)
                media.write(resp, page)
            case _:
                media.write(resp, self._lists.list_jobs(_filter(req), limit=limit, sees=sees))


class JobResource:
    """`/api/v1/jobs/{job_id}`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs.jobs
        self._removal = services.jobs.removal

    @api(
        answers={
            200: (JobResponse, JobStateResponse),
            304: "unchanged since the ETag in If-None-Match",
            404: "unknown",
        },
        query=[Parameter(name="view", choices=("state",), text="A JobStateResponse instead: small and cheap.")],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Show one execution with the end of its log."""
        if req.get_param("view") == "state":
            media.write_tagged(req, resp, JobStateResponse(job_execution=self._jobs.get_state(job_id)))
        else:
            media.write_tagged(req, resp, JobResponse(job_execution=self._jobs.get_job(job_id)))

    @api(answers={200: DeletedJob, 404: "unknown", 409: "started already"})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Delete an execution that has not started."""
        self._removal.delete(job_id)
        media.write(resp, DeletedJob(deleted=True, job_execution_id=job_id))


class ClearQueueResource:
    """`/api/v1/jobs/clear-queue`"""

    def __init__(self, services: Services) -> None:
        self._removal = services.jobs.removal

    @api(answers={200: ClearedQueue})
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Delete all executions that have not started. A body is ignored."""
        media.write(resp, ClearedQueue(cleared=self._removal.clear_queue()))


class FlushHistoryResource:
    """`/api/v1/jobs/flush-history`"""

    def __init__(self, services: Services) -> None:
        self._removal = services.jobs.removal

    @api(answers={200: FlushedHistory})
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Delete all finished executions, except of runs in which others are still blocked. A body is ignored."""
        media.write(resp, FlushedHistory(flushed=self._removal.flush_history()))


class JobPriorityResource:
    """`/api/v1/jobs/{job_id}/priority`"""

    def __init__(self, services: Services) -> None:
        self._priorities = services.jobs.priorities

    @api(
        request=PriorityRequest,
        answers={200: JobResponse, 400: "not -100 to 100", 404: "unknown", 409: "an agent has it, or it is over"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Let an execution that waits go before those of a lower priority."""
        request = media.read(req, PriorityRequest)
        media.write(resp, JobResponse(job_execution=self._priorities.prioritize(job_id, request.priority)))


class JobRerunResource:
    """`/api/v1/jobs/{job_id}/rerun`"""

    def __init__(self, services: Services) -> None:
        self._rerun = services.jobs.rerun

    @api(
        answers={
            201: RerunResponse,
            404: "unknown",
            409: "never started",
            413: "more jobs than a run may have",
            429: "as many runs of the project are not over as may be",
        }
    )
    def on_post(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Enqueue a new execution of the same work, and return it. A body is ignored.

        What ended because the old one failed is enqueued again too, and waits for the new one.
        """
        media.write(resp, self._rerun.rerun(job_id), status=201)


class JobBlockedByResource:
    """`/api/v1/jobs/{job_id}/blocked-by`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs.jobs

    @api(answers={200: BlockedBy, 404: "unknown"})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Return which failed execution ended this one before it started."""
        media.write(resp, self._jobs.blocked_by(job_id))


class JobCancelResource:
    """`/api/v1/jobs/{job_id}/cancel`"""

    def __init__(self, services: Services) -> None:
        self._cancel = services.jobs.cancel

    @api(answers={200: JobResponse, 404: "unknown", 409: "over already"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Cancel an execution. A body is ignored."""
        media.write(resp, JobResponse(job_execution=self._cancel.cancel(job_id)))


class JobStatusResource:
    """`/api/v1/jobs/{job_id}/status`"""

    def __init__(self, services: Services) -> None:
        self._reporting = services.jobs.reporting
        self._succession = services.jobs.succession

    @api(
        request=StatusRequest,
        answers={
            200: (JobResponse, ReportAnswer),
            400: "no `agent_id`, a bad status, or, by the contract, an unknown execution",
            409: "another agent or attempt holds it, it was never leased, or log bytes leave a gap",
        },
        headers=[
            Parameter(name=words.PREFER, text=f"`{words.RETURN_MINIMAL}` asks for a ReportAnswer."),
            LEASE_TOKEN,
        ],
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Report the status, output and steps of an execution."""
        check = partial(self._check, job_id, lease_token(req))
        try:
            with media.reading(req, StatusRequest, check=check) as report:
                principal_of(req).check_agent(report.agent_id)
                self._report(req, resp, job_id, report)
        except NotFound as error:
            errors.answer(req, resp, Problem(title=str(error), status=400, code=Code.NOT_FOUND))

    def _check(self, job_id: str, token: str, agent_id: str) -> None:
        self._reporting.check_reporter(job_id, Sender(agent_id=agent_id, token=token))

    def _report(self, req: falcon.Request, resp: falcon.Response, job_id: str, report: StatusRequest) -> None:
        token = lease_token(req)
        if words.RETURN_MINIMAL in (req.get_header(words.PREFER) or ""):
            media.write(resp, self._succession.report(job_id, report, lease_token=token))
        else:
            media.write(resp, JobResponse(job_execution=self._reporting.report(job_id, report, lease_token=token)))


def _filter(req: falcon.Request) -> JobFilter:
    return JobFilter(
        statuses=listed(req, "status"),
        project=req.get_param("project") or "",
        pipeline=req.get_param("pipeline") or "",
        agent=req.get_param("agent") or "",
        run=req.get_param("run") or "",
        cursor=req.get_param("cursor") or "",
        split_runs=req.get_param("split_runs") == "true",
    )
