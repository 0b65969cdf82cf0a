"""The report of an execution's end that asks for the next one, so that a busy agent needs one request less a job."""

from __future__ import annotations

import logging

from msgspec.structs import replace

from cictl.wire.agents import LeaseRequest, ReportAnswer, StatusRequest
from cictl_server.errors import CictlError
from cictl_server.services.jobs.leasing import Claimed, LeasingService
from cictl_server.services.jobs.reporting import ReportingService
from cictl_server.store.contract import Store

logger = logging.getLogger(__name__)


class Succession:
    def __init__(self, store: Store, reporting: ReportingService, leasing: LeasingService) -> None:
        self._store = store
        self._reporting = reporting
        self._leasing = leasing

    def report(self, job_id: str, request: StatusRequest, *, lease_token: str = "") -> ReportAnswer:
        """Apply a status report as `ReportingService.report_minimal` does, then give its agent the execution that it asks for.

        The report is stored before the agent is given anything, and stays so if nothing can be given. Only an end can ask. Both wait for the
        disk together.
        """
        wish = request.next_lease
        report = replace(request, next_lease=None)
        if wish is None:
            return ReportAnswer(job_execution=self._reporting.report_minimal(job_id, report, lease_token=lease_token))
        wish = replace(wish, agent_id=request.agent_id, wait_seconds=0)
        # A second report of the same end must not find the first one before it is durable.
        with self._reporting.turn(job_id), self._store.together():
            state = self._reporting.report_minimal(job_id, report, lease_token=lease_token)
            found = self._claim(wish) if state.status.is_terminal else None
        lease = None if found is None else self._leasing.hand_over(found, wish)
        return ReportAnswer(job_execution=state, lease=lease)

    def _claim(self, wish: LeaseRequest) -> Claimed | None:
        """Claim what the agent is to get next; None if its request is refused."""
        try:
            return self._leasing.claim(wish)
        except CictlError as error:
            # The agent must learn that its report arrived. It asks again by itself, and then gets this error.
            logger.info("no work with a report agent=%s: %s", wish.agent_id, error)
            return None
