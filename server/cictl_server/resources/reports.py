"""Test and coverage reports."""

from __future__ import annotations

import falcon

from cictl.wire.reports import TestReportResponse, TestReportUpload
from cictl_server.resources import media
from cictl_server.services import Services


class JobTestsResource:
    """`/api/v1/jobs/{job_id}/tests`"""

    def __init__(self, services: Services) -> None:
        self._reports = services.reports

    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """GET: 200 TestReportResponse; zero tests for none, also for an unknown execution."""
        media.write(resp, TestReportResponse(report=self._reports.get_report(job_id)))

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """POST TestReportUpload: 200 the same report; 400 without `agent_id`; 404; 409 another agent's."""
        report = self._reports.upload(job_id, media.read(req, TestReportUpload))
        media.write(resp, TestReportResponse(report=report))
