"""`GET jobs/{id}/explain` on the wire: why an execution waits, what would help, and how one that has ended did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cictl.wire.codec import Message
from cictl.wire.jobs import Cause, JobStatus

COUNTED_JOBS = 1000
"""How many waiting executions, oldest first, `older_jobs` looks at. This bounds the cost of one request."""


class Reason(StrEnum):
    """What an execution waits for, or its state when it does not wait. The first that applies, in this order."""

    BLOCKED = "blocked"
    """Other executions must succeed first; `blocked_by` names them."""
    APPROVAL = "approval"
    """Somebody must approve it, or its run."""
    GROUP = "group"
    """Others have the places of its concurrency group, or come before it there."""
    SECRETS = "secrets"
    """Vault did not give its secrets. The server tries again at `retry_utc`."""
    QUEUE_PAUSED = "queue_paused"
    """Somebody paused the queue, or that of its project."""
    PROJECT_LIMIT = "project_limit"
    """As many jobs of its project are at work as the server lets."""
    NO_AGENTS = "no_agents"
    """No agent has ever connected, or the one that it is pinned to has not."""
    UNMET_REQUIREMENTS = "unmet_requirements"
    """Every known agent lacks something."""
    AGENT_OFFLINE = "agent_offline"
    AGENT_DEACTIVATED = "agent_deactivated"
    AGENT_DRAINING = "agent_draining"
    AGENT_BUSY = "agent_busy"
    HOST_LOCKED = "host_locked"
    """Some agents have what it needs, but none can take it now. The nearest one is offline, deactivated, draining or busy, or
    another execution on its host has a lock."""
    READY = "ready"
    """An agent that fits is free. It takes the execution with one of its next lease requests."""
    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Blocker(Message):
    """An execution that another one waits for, or that ended it.

    Attributes:
        need: The job of the same run, or the pipeline of the same chain, that is waited for; or `group NAME` for one that has
            a place in a concurrency group.
        job_execution_id: Empty when no execution of that name exists any more.
        short_id: What people call it, such as `41/test`; its id where it has no such name.
    """

    need: str
    job_execution_id: str = ""
    short_id: str = ""
    status: JobStatus | None = None
    pipeline_id: str = ""
    pipeline_job_id: str = ""
    matrix_name: str = ""


class UnmetRequirement(Message):
    """One of the `required_capabilities` that an agent does not meet.

    Attributes:
        requirement: The key, such as `requires.tool.go`, `os` or `shell`.
        want: The value that the execution needs.
        have: The value that the agent offers; empty when it offers none.
        text: The same as a sentence: `go is 1.20, wants >= 1.22`.
        asked: Whether the agent is being asked about it just now, so that it may have it after all.
    """

    requirement: str
    want: str
    have: str
    text: str
    asked: bool = False


class AgentFit(Message):
    """What stands between an execution and one agent; nothing does when all but the first two and `fixed_tools` are absent.

    Attributes:
        last_seen_utc: Its last sign of life. An agent is offline when that is more than a minute ago.
        draining: It takes no job until it is activated; `drain_reason` says why.
        busy_with: Id of the execution that it holds.
        busy_with_short_id: What people call that execution.
        lock: A lock of the execution that another one has on the host of the agent.
        lock_holder: Id of that one; `lock_holder_short_id` is what people call it.
        fixed_tools: It never looks for tools that the server asks about, only for those that it knows by itself.
    """

    agent_id: str
    last_seen_utc: datetime
    hostname: str = ""
    offline: bool = False
    deactivated: bool = False
    draining: bool = False
    drain_reason: str = ""
    busy_with: str = ""
    busy_with_short_id: str = ""
    lock: str = ""
    lock_holder: str = ""
    lock_holder_short_id: str = ""
    fixed_tools: bool = False
    unmet: list[UnmetRequirement] = msgspec.field(default_factory=list)


class Fix(Message):
    """One thing to do. `command` does it or shows more; it is empty where no command does."""

    text: str
    command: str = ""


class Explanation(Message):
    """Why an execution is where it is.

    Attributes:
        name: `project/pipeline/job`, with the matrix entry behind it.
        summary: The answer as one sentence without times.
        since_utc: When it entered its state: the time of its creation, lease, start or end.
        retry_utc: When the server asks again for the secrets that it waits for.
        agent_id: The agent that has or had it.
        older_jobs: How many executions go before it, counted among the 1,000 oldest that wait.
        blocked_by: While it is queued, the executions that it waits for. If it failed without having run, those that
            ended it.
        agents: While it is queued, every known agent, the nearest first. An agent is nearer when it lacks less that
            nobody can install (such as `os`), then when it lacks less in all, then when it is free, without a lock, busy,
            deactivated or draining, offline, in this order. For a pinned execution, that agent alone.
        fixes: What to do so that the nearest agent can take it, all of it together; else what to do next.
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
