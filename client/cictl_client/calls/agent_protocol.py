"""The calls that agents make. What people do with agents is in `agents`."""

from __future__ import annotations

from typing import IO

from cictl.wire import words
from cictl.wire.agents import HeartbeatRequest, HeartbeatResponse
from cictl.wire.artifacts import Artifact, ArtifactList, ArtifactUpload
from cictl.wire.codec import encode
from cictl.wire.jobs import JobState, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.reports import TestReport, TestReportResponse, TestReportUpload
from cictl_client.answers import Asked
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
        self, job_id: str, request: StatusRequest, *, minimal: bool = False, timeout: float = 30.0
    ) -> JobState:
        """Report how an execution goes, and return its state on the server; *minimal* asks for a short answer."""
        headers = {"Content-Type": "application/json", **({words.PREFER: words.RETURN_MINIMAL} if minimal else {})}
        path = f"{job_path(job_id)}/status"
        response = self._transport.send("POST", path, body=encode(request), headers=headers, timeout=timeout)
        return following.read_state(Asked(self._transport.base_url, path), response)

    def upload_artifacts_zip(
        self, job_id: str, agent_id: str, body: IO[bytes], *, timeout: float = _UPLOAD_SECONDS
    ) -> list[Artifact]:
        """Replace the artifacts of an execution by the files of a zip, which is read from *body* in blocks."""
        headers = {"Content-Type": "application/zip", words.AGENT_ID: agent_id}
        path = f"{job_path(job_id)}/artifacts/upload-zip"
        return self._transport.post(ArtifactList, path, body, headers=headers, timeout=timeout).artifacts or []

    def upload_artifacts_json(self, job_id: str, request: ArtifactUpload) -> list[Artifact]:
        """Replace the artifacts of an execution by the files in a request; for a server without zips."""
        path = f"{job_path(job_id)}/artifacts"
        return self._transport.post(ArtifactList, path, encode(request), timeout=_UPLOAD_SECONDS).artifacts or []

    def upload_tests(self, job_id: str, request: TestReportUpload) -> TestReport:
        """Store the results of an execution's tests, and its coverage."""
        path = f"{job_path(job_id)}/tests"
        return self._transport.post(TestReportResponse, path, encode(request), timeout=_UPLOAD_SECONDS).report
