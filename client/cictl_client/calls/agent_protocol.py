"""The calls that agents make. What people do with agents is in `agents`."""

from __future__ import annotations

from contextlib import suppress
from typing import IO

from cictl.base.json_errors import NOT_OF_TYPE
from cictl.base.typed_json import read_json_as
from cictl.wire import words
from cictl.wire.agents import (
    HeartbeatRequest,
    HeartbeatResponse,
    LeaseRequest,
    LeaseResponse,
    ReportAnswer,
    StatusRequest,
)
from cictl.wire.codec import DecodeError, decode, encode
from cictl.wire.jobs import JobState
from cictl.wire.results.artifacts import Artifact, ArtifactList, ArtifactUpload
from cictl.wire.results.reports import TestReport, TestReportResponse, TestReportUpload
from cictl_client.answers import Asked, RawResponse, is_marked
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import job_path
from cictl_client.follow import logs as following

_UPLOAD_SECONDS = 600.0


class AgentProtocolCalls(Calls):
    """The calls of an agent. The client repeats none of them: the agent knows better when to."""

    def heartbeat(self, request: HeartbeatRequest, *, timeout: float = 3.0) -> HeartbeatResponse:
        """Report that an agent is alive and what it has, and return the server's orders."""
        return self._transport.post(HeartbeatResponse, "/api/v1/heartbeat", encode(request), timeout=timeout)

    def lease(self, request: LeaseRequest, *, timeout: float = 5.0) -> LeaseResponse:
        """Ask for work; the time limit grows by the request's `wait_seconds`."""
        limit = timeout + request.wait_seconds
        return self._transport.post(LeaseResponse, "/api/v1/agent/lease", encode(request), timeout=limit)

    def report_status(
        self,
        job_id: str,
        request: StatusRequest,
        *,
        lease_token: str = "",
        minimal: bool = False,
        timeout: float = 30.0,
    ) -> JobState:
        """Report how an execution goes, and return its state on the server; *minimal* asks for a short answer.

        Args:
            lease_token: As the lease gave it, here and at the uploads.
        """
        asked, response = self._report(job_id, request, lease_token=lease_token, minimal=minimal, timeout=timeout)
        return following.read_state(asked, response)

    def report_and_lease(
        self, job_id: str, request: StatusRequest, *, lease_token: str = "", timeout: float = 30.0
    ) -> ReportAnswer:
        """Report how an execution goes, and return its state with the answer to the report's `next_lease`, if it has one."""
        asked, response = self._report(job_id, request, lease_token=lease_token, minimal=True, timeout=timeout)
        if is_marked(response.headers):
            with suppress(*NOT_OF_TYPE):  # a cictl server writes as we read, so there is nothing to be lenient about
                return read_json_as(response.body, ReportAnswer)
        try:
            return decode(response.body, ReportAnswer)
        except DecodeError:  # a reference server sends the whole execution
            return ReportAnswer(job_execution=following.read_state(asked, response))

    def _report(
        self, job_id: str, request: StatusRequest, *, lease_token: str, minimal: bool, timeout: float
    ) -> tuple[Asked, RawResponse]:
        headers = {"Content-Type": "application/json", **_proof(lease_token)}
        if minimal:
            headers[words.PREFER] = words.RETURN_MINIMAL
        path = f"{job_path(job_id)}/status"
        response = self._transport.send("POST", path, body=encode(request), headers=headers, timeout=timeout)
        return Asked(self._transport.base_url, path), response

    def upload_artifacts_zip(
        self,
        job_id: str,
        agent_id: str,
        body: IO[bytes],
        *,
        lease_token: str = "",
        timeout: float = _UPLOAD_SECONDS,
    ) -> list[Artifact]:
        """Replace the artifacts of an execution by the files of a zip, which is read from *body* in blocks."""
        headers = {"Content-Type": "application/zip", words.AGENT_ID: agent_id, **_proof(lease_token)}
        path = f"{job_path(job_id)}/artifacts/upload-zip"
        return self._transport.post(ArtifactList, path, body, headers=headers, timeout=timeout).artifacts or []

    def upload_artifacts_json(self, job_id: str, request: ArtifactUpload, *, lease_token: str = "") -> list[Artifact]:
        """Replace the artifacts of an execution by the files in a request; for a server without zips."""
        path = f"{job_path(job_id)}/artifacts"
        headers = _proof(lease_token)
        answer = self._transport.post(ArtifactList, path, encode(request), headers=headers, timeout=_UPLOAD_SECONDS)
        return answer.artifacts or []

    def upload_tests(self, job_id: str, request: TestReportUpload, *, lease_token: str = "") -> TestReport:
        """Store the results of an execution's tests, and its coverage."""
        path = f"{job_path(job_id)}/tests"
        headers = _proof(lease_token)
        answer = self._transport.post(
            TestReportResponse, path, encode(request), headers=headers, timeout=_UPLOAD_SECONDS
        )
        return answer.report


def _proof(lease_token: str) -> dict[str, str]:
    """Return the header that shows which lease the sender has; none for a server that gave no token."""
    return {words.LEASE_TOKEN: lease_token} if lease_token else {}
