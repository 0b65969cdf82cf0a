"""Model agents, on a network that loses, delays and repeats what they send; the server behind it is real.

An agent here is honest and forgetful: what it says about an execution is true, but it may die at any time and never
learn what the server did.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum, auto

import falcon.testing

from cictl.wire.agents import HeartbeatRequest, HeartbeatResponse, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.codec import decode
from cictl.wire.jobs import Cause, JobResponse
from cictl.wire.problems import Code, Problem
from cictl.wire.words import PREPARING
from cictl_testing.server import RunningServer

_REMEMBERED = 25


class Fate(Enum):
    """What the network does to one request."""

    ANSWERED = auto()
    ANSWER_LOST = auto()
    DELAYED = auto()
    """It does not arrive now; perhaps later, perhaps never."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request that an agent sent, as it can arrive later or once more."""

    path: str
    body: HeartbeatRequest | LeaseRequest | StatusRequest


@dataclass(kw_only=True)
class Network:
    """The way to the server, and the last requests that were sent, heartbeats aside."""

    server: RunningServer
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message, fate: Fate) -> falcon.testing.Result | None:
        """Return the answer if it reaches the agent."""
        if not isinstance(message.body, HeartbeatRequest):  # a late one changes little
            self.sent = [*self.sent[1 - _REMEMBERED :], message]
        if fate is Fate.DELAYED:
            return None
        answer = self.deliver(message)
        return answer if fate is Fate.ANSWERED else None

    def deliver(self, message: Message) -> falcon.testing.Result:
        """Let *message* arrive; an honest agent never gets a server's fault."""
        answer = self.server.post(message.path, message.body, headers={"Accept": "application/json"})
        assert answer.status_code in (200, 400, 409), answer.text
        return answer


@dataclass(kw_only=True)
class Work:
    """What one agent has of one execution on its own disk.

    Attributes:
        spool: The log as far as it was written.
        ending: The terminal status that it reports; the log does not grow any more then.
    """

    spool: str = ""
    ending: str = ""


Works = dict[tuple[str, str], Work]
"""By agent id and execution id."""


@dataclass(kw_only=True)
class AgentModel:
    """One agent, which works on at most one execution.

    Attributes:
        job_id: The execution that it believes to be its own; empty for none.
        stored: Bytes of the log that the server is known to have.
    """

    agent_id: str
    network: Network
    works: Works
    capabilities: dict[str, str] = field(default_factory=dict)
    hostname: str = ""
    job_id: str = ""
    stored: int = 0
    requests: int = 0

    @property
    def work(self) -> Work:
        return self.works[self.agent_id, self.job_id]

    def heartbeat(self, fate: Fate) -> None:
        running = [self.job_id] if self.job_id else []
        request = HeartbeatRequest(
            agent_id=self.agent_id,
            hostname=self.hostname,
            os="linux",
            capabilities=self.capabilities,
            running_job_ids=running,
        )
        answer = self.network.send(Message(path="/api/v1/heartbeat", body=request), fate)
        if answer is not None and self.job_id in decode(answer.content, HeartbeatResponse).cancel_job_ids:
            self.forget()

    def lease(self, fate: Fate, *, is_named: bool, is_repeated: bool = False) -> str:
        """Ask for work and return the server's message if it reaches the agent.

        Args:
            is_named: The request carries an id.
            is_repeated: It is the same request as the last one.
        """
        self.requests += not is_repeated
        request = LeaseRequest(
            agent_id=self.agent_id,
            capabilities=self.capabilities,
            request_id=f"{self.agent_id}-{self.requests}" if is_named else "",
        )
        answer = self.network.send(Message(path="/api/v1/agent/lease", body=request), fate)
        if answer is None:
            return ""
        response = decode(answer.content, LeaseResponse)
        if response.job_execution is not None:
            self.job_id, self.stored = response.job_execution.id, 0
            self.works.setdefault((self.agent_id, self.job_id), Work())
        return response.message

    def write(self, text: str) -> None:
        self.work.spool += text

    def append(self, fate: Fate, *, overlap: int) -> None:
        """Report the log from *overlap* characters before what the server is known to have."""
        start = max(0, self._known_characters() - overlap)
        self._report(fate, "running", output_append=self.work.spool[start:], output_offset=self._offset(start))

    def snapshot(self, fate: Fate) -> None:
        """Report the whole log, as agents of the reference do."""
        self._report(fate, "running", output=self.work.spool)

    def finish(self, status: str, fate: Fate, *, characters: int, cause: Cause | None = None) -> None:
        """Report the end with at most *characters* of the log that the server lacks, and with its size and digest."""
        self.work.ending = self.work.ending or status
        start = self._known_characters()
        self._report(
            fate,
            self.work.ending,
            output_append=self.work.spool[start : start + characters],
            output_offset=self._offset(start),
            output_size=len(self.work.spool.encode()),
            cause=cause,
            output_sha256=hashlib.sha256(self.work.spool.encode()).hexdigest(),
        )

    def finish_with_snapshot(self, status: str, fate: Fate) -> None:
        self.work.ending = self.work.ending or status
        self._report(fate, self.work.ending, output=self.work.spool)

    def forget(self) -> None:
        """Stop working, by order or by a crash; what is on the disk stays."""
        self.job_id = ""

    def _known_characters(self) -> int:
        return len(self.work.spool.encode()[: self.stored].decode())

    def _offset(self, characters: int) -> int:
        return len(self.work.spool[:characters].encode())

    def _report(self, fate: Fate, status: str, **fields: str | int | None) -> None:
        step = "Step 1/1: x" if self.work.spool else PREPARING
        request = StatusRequest(agent_id=self.agent_id, status=status, current_step=step, **fields)  # type: ignore[arg-type]
        answer = self.network.send(Message(path=f"/api/v1/jobs/{self.job_id}/status", body=request), fate)
        if answer is None:
            return
        if answer.status_code == 200:
            job = decode(answer.content, JobResponse).job_execution
            if job.status.is_terminal:
                self.forget()
            self.stored = job.log_size
            return
        problem = decode(answer.content, Problem)
        if problem.code is Code.LOG_GAP and problem.log_size is not None:
            self.stored = problem.log_size
        else:
            self.forget()
