"""`GET jobs/{id}/explain` on the wire: why an execution waits, what would help, and what became of one that is over."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.wire.codec import Message
from cictl.wire.jobs import Cause, JobStatus

COUNTED_JOBS = 1000
"""Waiting executions, the oldest first, that `older_jobs` looks at; bounds what one question may cost."""


class Reason(StrEnum):
    """What an execution waits for, or the state of one that does not wait. The first that applies, in this order."""

    BLOCKED = "blocked"
    """Other executions must succeed first: see `blocked_by`."""
    SECRETS = "secrets"
    """Its secrets could not be had: it is tried again at `retry_utc`."""
    NO_AGENTS = "no_agents"
    """No agent ever connected, or not the one that it is pinned to."""
    UNMET_REQUIREMENTS = "unmet_requirements"
    """Every known agent lacks something."""
    AGENT_OFFLINE = "agent_offline"
    AGENT_DEACTIVATED = "agent_deactivated"
    AGENT_BUSY = "agent_busy"
    """Agents have what it needs, but none can take it; the best one of them is offline, deactivated or busy."""
    READY = "ready"
    """An agent that fits is free; it takes the execution with one of its next requests."""
    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Blocker(Message):
    """An execution that another one waits for, or that ended it.

    Attributes:
        need: The job of the same run, or the pipeline of the same chain, that is waited for.
        job_execution_id: Empty when nothing of that name is there any more.
    """

    need: str
    job_execution_id: str = ""
    status: JobStatus | None = None
    pipeline_id: str = ""
    pipeline_job_id: str = ""
    matrix_name: str = ""


class UnmetRequirement(Message):
    """One of the `required_capabilities` that an agent does not meet.

    Attributes:
        requirement: The key, such as `requires.tool.go`, `os` or `shell`.
        have: What the agent offers instead; empty when nothing.
        text: The same for people: `go is 1.20, wants >= 1.22`.
    """

    requirement: str
    want: str
    have: str
    text: str


class AgentFit(Message):
    """What stands between an execution and one agent; nothing does when all but the first two are absent.

    Attributes:
        last_seen_utc: Its last sign of life; an agent is offline when that is more than a minute old.
        busy_with: Id of the execution that it holds.
    """

    agent_id: str
    last_seen_utc: datetime
    hostname: str = ""
    offline: bool = False
    deactivated: bool = False
    busy_with: str = ""
    unmet: list[UnmetRequirement] = msgspec.field(default_factory=list)


class Fix(Message):
    """Something to do, and the command that does it or shows more, where there is one."""

    text: str
    command: str = ""


class Explanation(Message):
    """Why an execution is where it is.

    Attributes:
        name: `project/pipeline/job`, with the matrix entry behind it.
        summary: The answer as one sentence without times.
        since_utc: When it entered its state: its creation, lease, start or end.
        retry_utc: When one that waits for its secrets is tried again.
        agent_id: Who has or had it.
        older_jobs: Executions that go before it, among the 1,000 oldest that wait.
        blocked_by: What a queued one still waits for; of one that never ran, what ended it.
        agents: Of a queued one, every known agent, the nearest first: by what it lacks that nobody can install, then
            by all that it lacks, then free before busy, deactivated and offline. Of one that is pinned, that agent alone.
        fixes: What together lets the nearest agent take it, or what to do next.
    """

    job_execution_id: str
    name: str
    status: JobStatus
    reason: Reason
    summary: str
    since_utc: datetime
    agent_id: str = ""
    current_step: str = ""
    cause: Cause | None = None
    error: str = ""
    retry_utc: datetime | None = None
    older_jobs: int = 0
    blocked_by: list[Blocker] = msgspec.field(default_factory=list)
    agents: list[AgentFit] = msgspec.field(default_factory=list)
    fixes: list[Fix] = msgspec.field(default_factory=list)
