"""Test and coverage reports."""

from __future__ import annotations

from functools import partial

import falcon

from cictl.wire.results.reports import TestReportResponse, TestReportUpload
from cictl.wire.results.tests import TestList
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import LEASE_TOKEN, Parameter, nearest, sender_of
from cictl_server.services import Services
from cictl_server.services.artifacts.stories import TestQuery

_LIMIT = Parameter(name="limit", is_number=True, low=1, high=1000, default=100, text="How many.")
_YES = ("true", "1")


class TestsResource:
    """`/api/v1/tests`"""

    __test__ = False

    def __init__(self, services: Services) -> None:
        self._stories = services.artifacts.stories

    @api(
        answers={
            200: TestList,
            400: "a bad `cursor`, or `pipeline` without `project`",
            409: "several projects have the name `project`",
        },
        query=[
            Parameter(name="project", text="Name or id of a project."),
            Parameter(name="pipeline", text="Id of a pipeline of that project."),
            Parameter(name="name", text="The whole name of a test."),
            Parameter(name="flaky", choices=_YES, text="Only those that are flaky."),
            Parameter(name="order", choices=("slowest",), text="The slowest first, without `cursor`; else by name."),
            _LIMIT,
            Parameter(name="cursor", text="The `next_cursor` of the list before."),
        ],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List tests by how they went over time. A limit out of bounds counts as the nearest allowed one."""
        query = TestQuery(
            project=req.get_param("project") or "",
            pipeline=req.get_param("pipeline") or "",
            name=req.get_param("name") or "",
            is_flaky=req.get_param("flaky") in _YES,
            is_slowest_first=req.get_param("order") == "slowest",
            cursor=req.get_param("cursor") or "",
        )
        found = self._stories.list_tests(query, limit=nearest(req, _LIMIT), sees=principal_of(req).reaches_project)
        media.write(resp, found)


class JobTestsResource:
    """`/api/v1/jobs/{job_id}/tests`"""

    def __init__(self, services: Services) -> None:
        self._reports = services.artifacts.reports
        self._artifacts = services.artifacts.artifacts

    @api(answers={200: TestReportResponse})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Return the test report; one of zero tests if there is none or the execution is unknown."""
        media.write(resp, TestReportResponse(report=self._reports.get_report(job_id)))

    @api(
        request=TestReportUpload,
        answers={
            200: TestReportResponse,
            400: "no `agent_id`",
            404: "unknown",
            409: "another agent's execution or attempt, or it is over",
            503: "too many reports at once",
        },
        takes_key=False,
        headers=[LEASE_TOKEN],
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Store the test report, and return it."""
        with media.reading(req, TestReportUpload, check=partial(self._check, req, job_id)) as upload:
            principal_of(req).check_agent(upload.agent_id)
            stored = self._reports.upload(job_id, upload, sender=sender_of(req, upload.agent_id))
            media.write(resp, TestReportResponse(report=stored))

    def _check(self, req: falcon.Request, job_id: str, agent_id: str) -> None:
        self._artifacts.check_target(job_id, sender_of(req, agent_id))
