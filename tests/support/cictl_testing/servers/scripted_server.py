"""A protocol server for agents that does as it is told: a queue of jobs, a record of every request, faults on demand."""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import threading
import zipfile
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import falcon
import msgspec

from cictl.wire.admin.server import ServerInfo
from cictl.wire.agents import (
    HeartbeatRequest,
    HeartbeatResponse,
    LeaseRequest,
    LeaseResponse,
    ReportAnswer,
    StatusRequest,
)
from cictl.wire.codec import decode, encode
from cictl.wire.jobs import JobExecution, JobResponse, JobState, JobStateResponse, JobStatus
from cictl.wire.problems import PROBLEM_JSON, Code, Problem
from cictl.wire.results.artifacts import Artifact, ArtifactList, ArtifactUpload
from cictl.wire.results.reports import TestReport, TestReportResponse, TestReportUpload
from cictl_server.httpd.waitress_server import Httpd
from cictl_testing.processes import eventually

_COMMANDS = re.compile(r"^\[run\] .*$", re.MULTILINE)

FEATURES = ("job-state", "lease-wait", "log-append", "minimal-replies")


def nth_job_id(number: int) -> str:
    """Return the id of a server's job, from 1; agents kill by it, so no other test run on this machine may use it."""
    return f"job-{os.getpid()}-{number}"


@dataclass
class ServedJob:
    """One job, as the server knows it."""

    execution: JobExecution
    status: JobStatus = JobStatus.LEASED
    error: str = ""
    log: bytearray = field(default_factory=bytearray)
    reports: list[StatusRequest] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    archive: bytes = b""
    tests: TestReport | None = None

    @property
    def last(self) -> StatusRequest:
        return self.reports[-1]

    @property
    def text(self) -> str:
        return self.log.decode()

    @property
    def state(self) -> JobState:
        return JobState(id=self.execution.id, status=self.status, log_size=len(self.log), error=self.error)


@dataclass
class Fault:
    """The answer to the next *times* requests whose path holds *path*; `is_late`: given after the request was obeyed."""

    path: str
    times: int
    status: int
    text: str
    is_late: bool
    problem: Problem | None = None


class ScriptedServer:
    """A server on a port of its own that keeps its state, and its port, while it is stopped and started again."""

    def __init__(self, features: tuple[str, ...] = FEATURES) -> None:
        self.features = features
        self.jobs: dict[str, ServedJob] = {}
        self.heartbeats: list[HeartbeatRequest] = []
        self.leases: list[LeaseRequest] = []
        self.requests: list[str] = []
        self.largest_body: int | None = None
        self.dependencies: dict[str, bytes] = {}
        self.orders: deque[HeartbeatResponse] = deque()
        self.lease_answers: deque[LeaseResponse] = deque()
        self._queue: deque[JobExecution] = deque()
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._is_stopping = False
        self._reserved = _bound(0)
        self._port: int = self._reserved.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # What tests do

    def start(self) -> None:
        self._is_stopping = False
        app = falcon.App()
        app.add_sink(self._answer, "/")
        listener = _bound(self._port)
        self._httpd = Httpd(app, listener, admit=lambda _: 1 << 62, threads=8)
        self._thread = threading.Thread(target=self._httpd.run)
        self._thread.start()

    def stop(self) -> None:
        """Close every connection; the port stays ours, and refuses connections."""
        with self._arrived:
            self._is_stopping = True
            self._arrived.notify_all()
        self._httpd.stop()
        self._thread.join()

    def close(self) -> None:
        self.stop()
        self._reserved.close()

    def enqueue(self, **fields: Any) -> str:
        """Add a job to the queue; `script` alone is enough."""
        with self._arrived:
            defaults = {
                "id": nth_job_id(len(self.jobs) + len(self._queue) + 1),
                "script": "true",
                "required_capabilities": {},
                "timeout_seconds": 0,
                "status": JobStatus.LEASED,
                "created_utc": datetime.now(UTC),
            }
            job = JobExecution(**{**defaults, **fields})
            self._queue.append(job)
            self._arrived.notify_all()
        return job.id

    def finished(self, job_id: str) -> ServedJob:
        """Wait until the agent has reported the job's end."""
        return eventually(lambda: self._find(job_id, terminal=True), what=f"the end of {job_id}")

    def begun(self, job_id: str, text: str = "") -> ServedJob:
        """Wait until the job runs, and its log has *text*, but for what the agent shows of the commands themselves."""

        def look() -> ServedJob | None:
            job = self._find(job_id, terminal=False)
            return job if job and job.reports and text in _COMMANDS.sub("", job.text) else None

        return eventually(look, what=f"{text!r} in the log of {job_id}")

    def obeyed(self) -> None:
        """Wait until the agent has noted all orders: only then it sends the heartbeat after them."""
        eventually(lambda: not self.orders, what="the heartbeats that take the orders")
        beats = len(self.heartbeats)
        eventually(lambda: len(self.heartbeats) > beats, what="the heartbeat after the orders")

    def cancel(self, job_id: str) -> None:
        with self._lock:
            self.jobs[job_id].status = JobStatus.FAILED
            self.jobs[job_id].error = "cancelled by user"

    def fail_next(self, path: str, *, times: int = 1, status: int = 500, text: str = "out of order") -> None:
        """Answer the next requests with an error, unread."""
        with self._lock:
            self._faults.append(Fault(path=path, times=times, status=status, text=text, is_late=False))

    def refuse_next(self, path: str, problem: Problem, *, times: int = 1) -> None:
        """Answer the next requests with a problem, unread."""
        with self._lock:
            self._faults.append(
                Fault(path=path, times=times, status=problem.status, text="", is_late=False, problem=problem)
            )

    def lose_answers(self, path: str, *, times: int = 1) -> None:
        """Obey the next requests, and answer them with an error all the same."""
        with self._lock:
            self._faults.append(Fault(path=path, times=times, status=502, text="answer lost", is_late=True))

    # What agents see

    def _find(self, job_id: str, *, terminal: bool) -> ServedJob | None:
        with self._lock:
            job = self.jobs.get(job_id)
            return job if job and (not terminal or (job.reports and job.last.status != JobStatus.RUNNING)) else None

    def _answer(self, req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        resp.set_header("X-Content-Type-Options", "nosniff")
        body = req.bounded_stream.read()
        path = req.path.removeprefix("/api/v1/")
        with self._lock:
            self.requests.append(f"{req.method} {path}")
        early = self._take_fault(path, is_late=False)
        if self.largest_body is not None and len(body) > self.largest_body:
            early = Fault(path=path, times=1, status=413, text="too large", is_late=False)
        if early is None:
            self._route(req, resp, path, body)
        if fault := early or self._take_fault(path, is_late=True):
            resp.status = fault.status
            resp.content_type, resp.data = "text/plain", f"{fault.text}\n".encode()
            if fault.problem:
                resp.content_type, resp.data = PROBLEM_JSON, encode(fault.problem)

    def _take_fault(self, path: str, *, is_late: bool) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.path in path and fault.times and fault.is_late is is_late:
                    fault.times -= 1
                    return fault
        return None

    def _route(self, request: falcon.Request, response: falcon.Response, path: str, body: bytes) -> None:
        match path.split("/"):
            case ["server-info"]:
                _json(response, ServerInfo(name="x", api_version=1, version="1", features=list(self.features)))
            case ["heartbeat"]:
                with self._lock:
                    self.heartbeats.append(decode(body, HeartbeatRequest))
                    order = self.orders.popleft() if self.orders else HeartbeatResponse(accepted=True)
                _json(response, order)
            case ["agent", "lease"]:
                _json(response, self._lease(decode(body, LeaseRequest)))
            case ["jobs", job_id, "artifacts"] if request.method == "GET":
                _json(response, self._listed(job_id))
            case ["jobs", job_id, "artifacts", "download-all"]:
                response.data, response.content_type = self.dependencies[job_id], "application/zip"
            case ["jobs", job_id, *rest] if job_id in self.jobs:
                self._route_job(self.jobs[job_id], rest, request, response, body)
            case ["", "artifacts", job_id, *names]:
                with zipfile.ZipFile(io.BytesIO(self.dependencies[job_id])) as archive:
                    response.data = archive.read("/".join(names))
            case _:
                response.status, response.content_type, response.text = 404, "text/plain", "job not found\n"

    def _route_job(
        self, job: ServedJob, rest: list[str], request: falcon.Request, response: falcon.Response, body: bytes
    ) -> None:
        match rest:
            case []:
                _json(response, JobStateResponse(job_execution=job.state))
            case ["status"]:
                self._report(job, decode(body, StatusRequest), response)
            case ["artifacts", "upload-zip"]:
                job.archive = body
                with zipfile.ZipFile(io.BytesIO(body)) as archive:
                    job.files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
                _json(response, ArtifactList(artifacts=[]))
            case ["artifacts"]:
                upload = decode(body, ArtifactUpload)
                job.files = {a.path: msgspec.convert(a.data_base64, bytes, strict=False) for a in upload.artifacts}
                _json(response, ArtifactList(artifacts=[]))
            case ["tests"]:
                job.tests = decode(body, TestReportUpload).report
                _json(response, TestReportResponse(report=job.tests))

    def _lease(self, request: LeaseRequest) -> LeaseResponse:
        with self._arrived:
            self.leases.append(request)
            if self.lease_answers:
                return self.lease_answers.popleft()
            if not self._queue and not self._is_stopping and request.wait_seconds:
                self._arrived.wait_for(lambda: self._queue or self._is_stopping, timeout=request.wait_seconds)
            if not self._queue:
                return LeaseResponse(assigned=False, message="no matching queued job")
            job = self._queue.popleft()
            self.jobs[job.id] = ServedJob(job)
        return LeaseResponse(assigned=True, job_execution=job)

    def _report(self, job: ServedJob, report: StatusRequest, response: falcon.Response) -> None:
        with self._lock:
            if job.status.is_terminal:
                job.reports.append(report)
                return _json(response, self._short_answer(job, report))
            if self._write_log(job, report):
                problem = Problem(title="gap", status=409, code=Code.LOG_GAP, log_size=len(job.log))
                response.status, response.data, response.content_type = 409, encode(problem), PROBLEM_JSON
                return None
            job.reports.append(report)
            job.status, job.error = JobStatus(report.status), report.error
            if "log-append" in self.features:
                return _json(response, self._short_answer(job, report))
            whole = msgspec.structs.replace(job.execution, status=job.status, output=job.text)
            return _json(response, JobResponse(job_execution=whole))

    def _short_answer(self, job: ServedJob, report: StatusRequest) -> ReportAnswer:
        wish = report.next_lease if "lease-with-report" in self.features else None
        return ReportAnswer(job_execution=job.state, lease=self._lease(wish) if wish else None)

    def _write_log(self, job: ServedJob, report: StatusRequest) -> bool:
        """Write what the report brings, and tell whether there is a gap."""
        if "log-append" not in self.features:
            job.log[:] = report.output.encode() or job.log
            return False
        if report.output_append:
            offset = report.output_offset or 0
            if offset > len(job.log):
                return True
            job.log += report.output_append.encode()[len(job.log) - offset :]
        if report.status != JobStatus.RUNNING and report.output_size is not None:
            assert report.output_size >= len(job.log)
            if report.output_size > len(job.log):
                return True
            assert report.output_sha256 == hashlib.sha256(job.log).hexdigest()
        return False

    def _listed(self, job_id: str) -> ArtifactList:
        with zipfile.ZipFile(io.BytesIO(self.dependencies[job_id])) as archive:
            names = archive.namelist()
        return ArtifactList(
            artifacts=[
                Artifact(
                    id=0 if name in ("test-report.json", "coverage-report.json") else number,
                    job_execution_id=job_id,
                    path=name,
                    url=f"/artifacts/{job_id}/{name}",
                    size_bytes=1,
                )
                for number, name in enumerate(names, start=1)
            ]
        )


def _bound(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    return found


def _json(response: falcon.Response, message: object) -> None:
    response.data, response.content_type = encode(message), "application/json"
