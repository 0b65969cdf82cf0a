"""Calls about tests: the report of one execution, and how each test went over time."""

from __future__ import annotations

from cictl.wire.results.reports import TestReport, TestReportResponse
from cictl.wire.results.tests import TestList
from cictl_client.calls.calls import Calls, given
from cictl_client.calls.paths import job_path


class TestCalls(Calls):
    """Tests, as the reports of executions tell of them."""

    def get_test_report(self, job_id: str) -> TestReport:
        """Return the results of an execution's tests, and its coverage."""
        return self._transport.get(TestReportResponse, f"{job_path(job_id)}/tests").report

    def list_tests(
        self,
        *,
        project: str = "",
        pipeline: str = "",
        name: str = "",
        flaky: bool = False,
        slowest: bool = False,
        limit: int = 100,
        cursor: str = "",
    ) -> TestList:
        """Return tests by how they went over time: passes, failures, whether they are flaky, how long they take.

        Args:
            project: Name or id.
            pipeline: Id of a pipeline of that project.
            name: The whole name of a test.
            flaky: Only those that passed and failed on one commit.
            slowest: The slowest first, else by project, pipeline and name.
            limit: 1 to 1000.
            cursor: The `next_cursor` of the list before.
        """
        params = given(
            limit=limit,
            project=project,
            pipeline=pipeline,
            name=name,
            flaky="true" if flaky else "",
            order="slowest" if slowest else "",
            cursor=cursor,
        )
        return self._transport.get(TestList, "/api/v1/tests", params=params)
