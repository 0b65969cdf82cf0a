"""Agents that run nothing and report all the same, many to a process."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from cictl.wire.agents import HeartbeatRequest, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.jobs import JobExecution
from cictl_client import Client, ClientError, LogGap
from cictl_client.retry import TRANSIENT

T = TypeVar("T")

PIECES = 8
_HEARTBEAT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


def printed(job_id: str) -> str:
    """Return the whole log of an execution that a simulated agent ran."""
    return "".join(_piece(job_id, number) for number in range(PIECES))


def _piece(job_id: str, number: int) -> str:
    return f"piece {number} of {job_id}: ÄÖ\n"


class SimulatedAgent(threading.Thread):
    """Leases and reports through outages, as a real agent does, until it is told to finish.

    Attributes:
        begun: How often it was given each execution.
        refused: What a server said that no agent should hear.
    """

    def __init__(self, url: str, agent_id: str, *, token: str, capabilities: dict[str, str]) -> None:
        super().__init__(name=agent_id)
        self.begun: Counter[str] = Counter()
        self.refused: list[str] = []
        self._url = url
        self._token = token
        self._agent_id = agent_id
        self._capabilities = capabilities
        self._is_over = threading.Event()
        self._beaten = 0.0
        self._running: list[str] = []

    def run(self) -> None:
        with Client(self._url, token=self._token, retries=0) as client:
            self._client = client
            while not self._is_over.is_set():
                try:
                    self._work()
                except ClientError as error:
                    self.refused.append(f"{self._agent_id}: {error!r}")

    def finish(self) -> None:
        """Let it end after its execution; `join` it then."""
        self._is_over.set()

    def _work(self) -> None:
        answer = self._lease()
        if answer.job_execution is None:
            self._is_over.wait(_PAUSE_SECONDS)
            return
        job = answer.job_execution
        self.begun[job.id] += 1
        self._running, self._beaten = [job.id], 0.0
        log = printed(job.id).encode()
        sent = 0
        for number in range(PIECES):
            end = sent + len(_piece(job.id, number).encode())
            self._report(job, answer.lease_token, log, sent, end)
            sent = end
        self._end(job, answer.lease_token, log)
        self._running = []

    def _lease(self) -> LeaseResponse:
        request = LeaseRequest(
            agent_id=self._agent_id,
            capabilities=self._capabilities,
            wait_seconds=2,
            request_id=uuid.uuid4().hex,
            sends_token=True,
        )
        return self._patiently(lambda: self._client.lease(request))

    def _report(self, job: JobExecution, lease_token: str, log: bytes, start: int, end: int) -> None:
        """Send a piece, and what a server turns out to lack before it."""
        while True:
            request = StatusRequest(
                agent_id=self._agent_id,
                status="running",
                output_append=log[start:end].decode(),
                output_offset=start,
            )
            try:
                self._send(job, lease_token, request)
            except LogGap as gap:
                start = gap.log_size
            else:
                return

    def _end(self, job: JobExecution, lease_token: str, log: bytes) -> None:
        request = StatusRequest(
            agent_id=self._agent_id,
            status="succeeded",
            exit_code=0,
            output_size=len(log),
            output_sha256=hashlib.sha256(log).hexdigest(),
        )
        while True:
            try:
                self._send(job, lease_token, request)
            except LogGap as gap:
                self._report(job, lease_token, log, gap.log_size, len(log))
            else:
                return

    def _send(self, job: JobExecution, lease_token: str, request: StatusRequest) -> None:
        self._patiently(lambda: self._client.report_status(job.id, request, lease_token=lease_token, minimal=True))

    def _patiently(self, call: Callable[[], T]) -> T:
        """Make a call again and again while the servers are away, with signs of life in between."""
        while True:
            try:
                self._beat()
                return call()
            except TRANSIENT:
                time.sleep(_PAUSE_SECONDS)

    def _beat(self) -> None:
        if time.monotonic() - self._beaten > _HEARTBEAT_SECONDS:
            request = HeartbeatRequest(
                agent_id=self._agent_id, os="linux", capabilities=self._capabilities, running_job_ids=self._running
            )
            self._client.heartbeat(request)
            self._beaten = time.monotonic()
