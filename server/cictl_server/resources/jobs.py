"""Job executions: lists, single ones, cancellation and status reports."""

from __future__ import annotations

import falcon

from cictl.wire.jobs import (
    ClearedQueue,
    DeletedJob,
    FlushedHistory,
    JobResponse,
    JobStateResponse,
    StatusRequest,
)
from cictl.wire.problems import Code, Problem
from cictl_server.errors import NotFound
from cictl_server.resources import errors, media
from cictl_server.services import Services
from cictl_server.services.joblists import JobFilter


class JobsResource:
    """`/api/v1/jobs`"""

    def __init__(self, services: Services) -> None:
        self._lists = services.job_lists

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """GET: 200 JobList; JobPage for `view=queued|history`; JobSummary for `view=summary`.

        Query: `max` (1 to 2000, 150), `offset`, `limit` (1 to 200, 25) for pages; `status`, `project`, `pipeline`, `agent`,
        `run` and `cursor` for the plain list.
        """
        limit = media.query_int(req, "max", default=150, low=1, high=2000)
        match (req.get_param("view") or "").lower():
            case "summary":
                media.write(resp, self._lists.summary(limit=limit))
            case "queued" | "history" as view:
                offset = media.query_int(req, "offset", default=0, low=0, high=1_000_000)
                page_size = media.query_int(req, "limit", default=25, low=1, high=200)
                media.write(resp, self._lists.page(view, limit=limit, offset=offset, page_size=page_size))
            case _:
                media.write(resp, self._lists.list_jobs(_filter(req), limit=limit))


class JobResource:
    """`/api/v1/jobs/{job_id}`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs
        self._removal = services.removal

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 JobResponse, with `view=state` JobStateResponse; 404 unknown."""
        if req.get_param("view") == "state":
            media.write(resp, JobStateResponse(job_execution=self._jobs.get_state(job_id)))
        else:
            media.write(resp, JobResponse(job_execution=self._jobs.get_job(job_id)))

    def on_delete(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """DELETE: 200 DeletedJob; 404 unknown; 409 started already."""
        self._removal.delete(job_id)
        media.write(resp, DeletedJob(deleted=True, job_execution_id=job_id))


class ClearQueueResource:
    """`/api/v1/jobs/clear-queue`"""

    def __init__(self, services: Services) -> None:
        self._removal = services.removal

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """POST, body ignored: 200 ClearedQueue."""
        media.write(resp, ClearedQueue(cleared=self._removal.clear_queue()))


class FlushHistoryResource:
    """`/api/v1/jobs/flush-history`"""

    def __init__(self, services: Services) -> None:
        self._removal = services.removal

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """POST, body ignored: 200 FlushedHistory."""
        media.write(resp, FlushedHistory(flushed=self._removal.flush_history()))


class JobRerunResource:
    """`/api/v1/jobs/{job_id}/rerun`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs

    def on_post(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST, body ignored: 201 JobResponse with the new execution; 404 unknown; 409 never started."""
        media.write(resp, JobResponse(job_execution=self._jobs.rerun(job_id)), status=201)


class JobBlockedByResource:
    """`/api/v1/jobs/{job_id}/blocked-by`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs

    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 BlockedBy; 404 unknown."""
        media.write(resp, self._jobs.blocked_by(job_id))


class JobCancelResource:
    """`/api/v1/jobs/{job_id}/cancel`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs

    def on_post(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST, body ignored: 200 JobResponse; 404 unknown; 409 over already."""
        media.write(resp, JobResponse(job_execution=self._jobs.cancel(job_id)))


class JobStatusResource:
    """`/api/v1/jobs/{job_id}/status`"""

    def __init__(self, services: Services) -> None:
        self._reporting = services.reporting

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST StatusRequest: 200 JobResponse, with `Prefer: return=minimal` JobStateResponse.

        400 for a bad status and, by the contract, for an unknown execution; 409 when another agent holds it, when it was
        never leased, and when log bytes leave a gap.
        """
        report = media.read(req, StatusRequest)
        try:
            if "return=minimal" in (req.get_header("Prefer") or ""):
                media.write(resp, JobStateResponse(job_execution=self._reporting.report_minimal(job_id, report)))
            else:
                media.write(resp, JobResponse(job_execution=self._reporting.report(job_id, report)))
        except NotFound as error:
            errors.answer(req, resp, Problem(title=str(error), status=400, code=Code.NOT_FOUND))


def _filter(req: falcon.Request) -> JobFilter:
    return JobFilter(
        status=(req.get_param("status") or "").lower(),
        project=req.get_param("project") or "",
        pipeline=req.get_param("pipeline") or "",
        agent=req.get_param("agent") or "",
        run=req.get_param("run") or "",
        cursor=req.get_param("cursor") or "",
    )
