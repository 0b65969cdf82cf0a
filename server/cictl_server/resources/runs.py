"""Runs: lists, single ones, and what is done to all their jobs at once."""

from __future__ import annotations

import falcon

from cictl.wire.runs import ApprovalRequest, Run, RunList, RunRerunRequest, RunRerunResponse, RunSummary
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter, instant, listed, nearest
from cictl_server.services import Services
from cictl_server.services.runs.runs import RunQuery

_LIMIT = Parameter(name="limit", is_number=True, low=1, high=500, default=50, text="How many.")

_MAX_BYTES = Parameter(
    name="max_bytes", is_number=True, low=2000, high=200_000, default=4000, text="How long the answer may be."
)


_NOT_DECIDED = {
    400: "no reason to reject, a long one, or a job that several pipelines of the run have",
    404: "no such run, or no such job in it",
    409: "it waits for no approval, or no more",
}


class RunsResource:
    """`/api/v1/runs`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs.runs

    @api(
        answers={
            200: RunList,
            400: "an unknown status, a bad `since` or `cursor`, or `pipeline` without `project`",
            409: "several projects have the name `project`",
        },
        query=[
            Parameter(name="project", text="Name or id of a project."),
            Parameter(name="pipeline", text="Id of a pipeline or a chain of that project."),
            Parameter(name="branch", text="The branch that was built."),
            Parameter(name="status", text="A status of runs, `active` or `finished`; several with commas."),
            Parameter(name="since", text="An RFC 3339 instant: nothing that began earlier."),
            _LIMIT,
            Parameter(name="cursor", text="The `next_cursor` of the list before."),
        ],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List runs, newest first, without their jobs. A limit out of bounds counts as the nearest allowed one."""
        query = RunQuery(
            statuses=listed(req, "status"),
            project=req.get_param("project") or "",
            pipeline=req.get_param("pipeline") or "",
            branch=req.get_param("branch") or "",
            since=instant(req, "since"),
            cursor=req.get_param("cursor") or "",
        )
        media.write(resp, self._runs.list_runs(query, limit=nearest(req, _LIMIT), sees=principal_of(req).sees_run))


class RunResource:
    """`/api/v1/runs/{run}`"""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs.runs

    @api(answers={200: Run, 304: "unchanged since the ETag in If-None-Match", 404: "unknown"})
    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Show a run with the newest execution of each job; `run` is a number, or the id of a run or a chain run."""
        media.write_tagged(req, resp, self._runs.get_run(run))


class RunSummaryResource:
    """`/api/v1/runs/{run}/summary`"""

    def __init__(self, services: Services) -> None:
        self._summary = services.runs.summary

    @api(answers={200: RunSummary, 404: "unknown"}, query=[_MAX_BYTES], costs_work=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Return what is to be known of a run that failed: jobs with the ends of their logs, tests, and what ran since the last success.

        The answer is no longer than `max_bytes`, also when its JSON is indented. A number out of bounds counts as the nearest allowed one.
        """
        media.write(resp, self._summary.summarize(run, max_bytes=nearest(req, _MAX_BYTES)))


class RunCancelResource:
    """`/api/v1/runs/{run}/cancel`"""

    def __init__(self, services: Services) -> None:
        self._changes = services.runs.changes

    @api(answers={200: Run, 404: "unknown", 409: "over already"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Cancel all jobs of a run that are not over. A body is ignored."""
        media.write(resp, self._changes.cancel(run))


class RunApprovalResource:
    """`/api/v1/runs/{run}/approve` and `…/reject`"""

    def __init__(self, services: Services) -> None:
        self._approvals = services.runs.approvals

    @api(request=ApprovalRequest, answers={200: Run, **_NOT_DECIDED})
    def on_post_approve(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Let a job of a run begin that waits for an approval, with all rows that wait, or the whole run.

        The job says which roles may; an admin always may, the token of a job never.
        """
        request = media.read(req, ApprovalRequest)
        media.write(resp, self._approvals.approve(run, request, principal=principal_of(req)))

    @api(request=ApprovalRequest, answers={200: Run, **_NOT_DECIDED})
    def on_post_reject(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """End what waits for an approval as failed; the error names who rejected it and why."""
        request = media.read(req, ApprovalRequest)
        media.write(resp, self._approvals.reject(run, request, principal=principal_of(req)))


class RunRerunResource:
    """`/api/v1/runs/{run}/rerun`"""

    def __init__(self, services: Services) -> None:
        self._changes = services.runs.changes

    @api(
        request=RunRerunRequest,
        answers={
            201: RunRerunResponse,
            404: "unknown",
            409: "nothing to run again, or the run is not over",
            413: "more jobs than a run may have",
            429: "as many runs of the project are not over as may be",
        },
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Enqueue all jobs of a run again, or those that did not succeed, as new executions of the same run."""
        wanted = media.read(req, RunRerunRequest)
        media.write(resp, self._changes.rerun(run, only_failed=wanted.only_failed), status=201)
