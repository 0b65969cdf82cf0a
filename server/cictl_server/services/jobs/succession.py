"""The report of an execution's end that asks for the next one, so that a busy agent needs one request less a job."""

from __future__ import annotations

import logging

import msgspec

from cictl.wire.agents import LeaseResponse, ReportAnswer, StatusRequest
from cictl_server.errors import CictlError
from cictl_server.services.jobs.leasing import LeasingService
from cictl_server.services.jobs.reporting import ReportingService

logger = logging.getLogger(__name__)


class Succession:
    def __init__(self, reporting: ReportingService, leasing: LeasingService) -> None:
        self._reporting = reporting
        self._leasing = leasing

    def report(self, job_id: str, request: StatusRequest, *, lease_token: str = "") -> ReportAnswer:
        """Apply a status report as `ReportingService.report_minimal` does, then give its agent the execution that it asks for.

        The report is stored before the agent is given anything, and stays so if nothing can be given. Only an end can ask.
        """
        wish = request.next_lease
        state = self._reporting.report_minimal(
            job_id, msgspec.structs.replace(request, next_lease=None), lease_token=lease_token
        )
        if wish is None or not state.status.is_terminal:
            return ReportAnswer(job_execution=state)
        own = msgspec.structs.replace(wish, agent_id=request.agent_id, wait_seconds=0)
        try:
            lease: LeaseResponse | None = self._leasing.lease(own)
        except CictlError as error:
            # The agent must learn that its report arrived. It asks again by itself, and then gets this error.
            logger.info("no work with a report agent=%s: %s", request.agent_id, error)
            lease = None
        return ReportAnswer(job_execution=state, lease=lease)
