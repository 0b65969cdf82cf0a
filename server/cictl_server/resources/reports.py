"""Test and coverage reports."""

from __future__ import annotations

from functools import partial

import falcon

from cictl.wire.reports import TestReportResponse, TestReportUpload
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.http.authentication import principal_of
from cictl_server.http.parameters import LEASE_TOKEN, sender_of
from cictl_server.services import Services


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
