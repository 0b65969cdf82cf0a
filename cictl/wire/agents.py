"""Agents on the wire: heartbeats, leases, status reports, views and actions."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, StrEnum
from typing import Self

import msgspec

from cictl.wire.codec import Message
from cictl.wire.jobs import CacheStat, Cause, JobExecution, JobStateResponse, StepEvent

AGENT_DEACTIVATED = "agent is deactivated"
"""The lease message that a deactivated agent gets."""

GREETING = "ciwi agent has (re)started"
"""How `restart_status` begins in an agent's first heartbeat. Its process id follows."""


_SHOWN_HOST = 80
"""The most characters of a host's name that are shown: it comes from an agent and may be anything."""
MOST_SLOTS = 100
"""How many executions one agent can run at once."""
MOST_WANTED_TOOLS = 200
"""How many tools a server asks its agents about."""
STATUS_UNMASKED = frozenset({"agent_id", "status", "output", "output_append", "output_sha256", "type"})
"""Fields of a status report, at any depth, that are not searched for secrets: words of the protocol, and the log. Agent and
server mask the log where they write it."""


class Action(StrEnum):
    """Something that a user can make an agent do, by its name in `POST agents/{id}/actions`.

    Attributes:
        past: What the audit says of it, behind `agent.`; it never changes.
    """

    past: str

    def __new__(cls, word: str, past: str) -> Self:
        action = str.__new__(cls, word)
        action._value_ = word
        action.past = past
        return action

    ACTIVATE = "activate", "activated"
    DEACTIVATE = "deactivate", "deactivated"
    DRAIN = "drain", "drained"
    FLUSH_JOB_HISTORY = "flush-job-history", "history_flushed"
    REFRESH_TOOLS = "refresh-tools", "tools_refreshed"
    RESTART = "restart", "restarted"
    RUN_SCRIPT = "run-script", "script_queued"
    UPDATE = "update", "updated"
    WIPE_CACHE = "wipe-cache", "cache_wiped"


class Order(Enum):
    """An order that an agent gets once, as a flag in the answer to a heartbeat. Members are in the contract's order.

    Attributes:
        action: The action by which a user gives this order.
        handed_out: The line in the agent's recent log when the agent gets the order.
        asked: The line there when a user gives it.
        answer: The message that the user gets.
        flag: The key of `HeartbeatResponse` that carries it.
    """

    action: Action
    handed_out: str
    asked: str
    answer: str

    def __init__(self, action: Action, handed_out: str, asked: str, answer: str) -> None:
        self.action = action
        self.handed_out = handed_out
        self.asked = asked
        self.answer = answer

    REFRESH_TOOLS = (
        Action.REFRESH_TOOLS,
        "server requested tools refresh",
        "manual tools refresh requested",
        "tools refresh requested",
    )
    WIPE_CACHE = (
        Action.WIPE_CACHE,
        "server requested cache wipe",
        "manual cache wipe requested",
        "agent cache wipe requested",
    )
    FLUSH_JOB_HISTORY = (
        Action.FLUSH_JOB_HISTORY,
        "server requested local job history wipe",
        "manual agent job history flush requested",
        "agent job history flushed",
    )
    RESTART = Action.RESTART, "server requested restart", "manual restart requested", "agent restart requested"

    @property
    def flag(self) -> str:
        return f"{self.name.lower()}_requested"


class AgentProcess(Message):
    """One process that works as an agent (ours). Two with one id can be told apart by it.

    Attributes:
        pid, host: Its process id, and the machine that it runs on.
        work_dir_id: Made at random when its work directory was first used. It holds the lock of that directory.
    """

    started_utc: datetime
    pid: int = 0
    host: str = ""
    work_dir_id: str = ""

    @property
    def told(self) -> str:
        """How people are told of it."""
        host = "".join(c for c in self.host if c.isprintable()).strip()[:_SHOWN_HOST] or "an unknown host"
        return f"pid {self.pid} on {host}, started {self.started_utc:%Y-%m-%dT%H:%M:%SZ}"

    def follows(self, other: AgentProcess) -> bool:
        """Tell whether this process began where *other* must have ended: it is younger, and has the lock that that one had."""
        is_same_place = (self.host, self.work_dir_id) == (other.host, other.work_dir_id)
        return bool(self.work_dir_id) and is_same_place and self.started_utc > other.started_utc


class HeartbeatRequest(Message):
    """`POST heartbeat`, every ten seconds.

    Attributes:
        os, arch: Go's names: linux, darwin, windows; amd64, arm64.
        capabilities: Replaces what the server knew.
        restart_status: Free text about a restart. The first heartbeat of a process has its greeting here.
        running_job_ids: The executions that this agent works on (ours). Absent from an agent that does not report them.
        orders_received: The last `orders_id` that this agent got, empty before the first (ours). Absent from an agent
            that does not acknowledge orders.
        process: The process that sends this (ours). Absent from an agent that does not tell.
        leaving: The process ends now, and another one may take over its id at once (ours).
        slots: How many executions it runs at once, if more than one (ours).
        draining: It begins no execution until those that it runs are over (ours).
        tools_looked_for: The last `wanted_tools_id` all of whose tools this agent has looked for, empty before the first
            and while it looks (ours). Absent from an agent that looks for no tools on demand.
    """

    agent_id: str = ""
    hostname: str = ""
    os: str = ""
    arch: str = ""
    version: str = ""
    capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    update_failure: str = ""
    restart_status: str = ""
    timestamp_utc: datetime | None = None
    running_job_ids: list[str] | None = None
    orders_received: str | None = None
    process: AgentProcess | None = None
    leaving: bool = False
    slots: int = 0
    draining: bool = False
    tools_looked_for: str | None = None


class HeartbeatResponse(Message):
    """The server's answer; the `…_requested` flags are orders for the agent.

    Attributes:
        cancel_job_ids: Those of the agent's `running_job_ids` that have ended on the server or belong to another agent
            (ours). The agent stops them.
        orders_id: Identifies the orders in this answer (ours). The agent sends it back as `orders_received`. Empty when
            there are none.
        rival: Another process that says it has this id, and was refused within the last minute (ours).
        wanted_tools: Tools that waiting executions and loaded projects ask for (ours), at most 200. The agent looks for
            those that it does not know, and reports what it finds as `tool.<name>`. Sent to an agent whose
            `tools_looked_for` differs from their `wanted_tools_id`.
    """

    accepted: bool
    message: str = ""
    update_requested: bool = False
    update_target: str = ""
    update_repository: str = ""
    update_api_base: str = ""
    refresh_tools_requested: bool = False
    restart_requested: bool = False
    wipe_cache_requested: bool = False
    flush_job_history_requested: bool = False
    cancel_job_ids: list[str] = msgspec.field(default_factory=list)
    orders_id: str = ""
    rival: AgentProcess | None = None
    wanted_tools: list[str] = msgspec.field(default_factory=list)
    wanted_tools_id: str = ""


class Agent(Message):
    """One agent. It is online when `last_seen_utc` is up to 20 s ago, stale up to 60 s, and offline after that.

    Attributes:
        process: The process that has the id (ours). Absent when the agent does not tell, or has ended in good order.
        rival: As in `HeartbeatResponse`.
        slots: How many executions it runs at once, if more than one (ours).
        slots_busy: How many of them are taken; absent with a single one (ours).
        draining: It ends the jobs that it has, and gets no others; `drain_reason` says why (ours).
    """

    agent_id: str
    hostname: str
    os: str
    arch: str
    capabilities: dict[str, str] | None
    last_seen_utc: datetime
    deactivated: bool = False
    job_in_progress: bool = False
    version: str = ""
    recent_log: list[str] = msgspec.field(default_factory=list)
    needs_update: bool = False
    update_target: str = ""
    update_requested: bool = False
    update_attempts: int = 0
    update_in_progress: bool = False
    update_last_request_utc: datetime | None = None
    update_next_retry_utc: datetime | None = None
    update_last_error: str = ""
    update_last_error_utc: datetime | None = None
    process: AgentProcess | None = None
    rival: AgentProcess | None = None
    slots: int = 0
    slots_busy: int = 0
    draining: bool = False
    drain_reason: str = ""


class AgentList(Message):
    agents: list[Agent]


class AgentResponse(Message):
    agent: Agent


class RemovedAgent(Message):
    """The answer to `DELETE agents/{id}`. `cancelled_jobs` counts what it held."""

    removed: bool
    agent_id: str
    cancelled_jobs: int = 0


class AgentActionRequest(Message):
    """`POST agents/{id}/actions`. Only `run-script` reads `script`, `shell` and `timeout_seconds`.

    Attributes:
        reason: Why the agent is to drain (ours). `drain` alone reads it, and wants it.
    """

    action: str = ""
    script: str = ""
    shell: str = ""
    timeout_seconds: int = 0
    reason: str = ""


class AgentActionResponse(Message):
    requested: bool
    agent_id: str = ""
    message: str = ""
    target: str = ""


class QueuedScript(Message):
    """The answer to the action `run-script`: the execution that will run it. `run_number` is ours."""

    queued: bool
    agent_id: str
    job_execution_id: str
    shell: str
    timeout_seconds: int
    run_number: int = 0


class StatusRequest(Message):
    """An agent's status report about an execution that it holds.

    Attributes:
        status: `running`, `succeeded` or `failed`, in any case.
        output: The last 512 KiB of the log so far. It replaces the stored log; an empty one keeps it.
        output_append: Text to add to the log at `output_offset` (ours).
        output_offset: Byte position of `output_append` in the log. When the server holds fewer bytes, it answers 409 with
            its `log_size`.
        output_size: In a terminal report, bytes of the whole log. When the server holds fewer, it answers 409.
        output_sha256: In a terminal report, SHA-256 of the whole log, in hex.
        warnings: What the user should know although it is no failure (ours). It replaces the stored list; an empty one
            keeps it. The server keeps at most `MOST_WARNINGS` of them.
        failed_step: In the report of a failure, the position in the plan of the step that failed the job (ours). 0 if none did.
        outputs: In the report of success, the texts of the outputs that the job declares, by name (ours).
        next_lease: In the report of an end, the request for the next execution (ours). The server takes its `agent_id` from
            the report, never holds it, and answers it only with `Prefer: return=minimal`.
    """

    agent_id: str = ""
    status: str = ""
    exit_code: int | None = None
    error: str = ""
    output: str = ""
    output_append: str = ""
    output_offset: int | None = None
    output_size: int | None = None
    output_sha256: str = ""
    current_step: str = ""
    cache_stats: list[CacheStat] = msgspec.field(default_factory=list)
    runtime_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    events: list[StepEvent] = msgspec.field(default_factory=list)
    timestamp_utc: datetime | None = None
    cause: Cause | None = None
    warnings: list[str] = msgspec.field(default_factory=list)
    failed_step: int = 0
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    next_lease: LeaseRequest | None = None


class LeaseRequest(Message):
    """`POST agent/lease`.

    Attributes:
        capabilities: They win over those of the last heartbeat, key by key.
        wait_seconds: How long the server may hold the request while there is no work (ours). At most 25 count.
        request_id: A repeat with the same id gets the same execution again (ours).
        process: The process that asks (ours). Absent from an agent that does not tell.
        slot: Which of its slots asks, from 1 (ours). 0 from an agent that runs one execution at a time.
        slots: How many it has (ours).
        reads_ranges: Whether the agent reads tool constraints of several parts, such as `>=2,<3` (ours). Others get
            constraints of one part.
        sends_token: Whether the agent sends the `lease_token` of the answer with each report and upload (ours). What it
            leases then belongs to who has the token; what others lease belongs to who names their id.
    """

    agent_id: str = ""
    capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    wait_seconds: int = 0
    request_id: str = ""
    process: AgentProcess | None = None
    slot: int = 0
    slots: int = 0
    reads_ranges: bool = False
    sends_token: bool = False


class LeaseResponse(Message):
    """The answer to a request for work.

    Attributes:
        lease_token: What the agent shows in the header `Cictl-Lease-Token` to report on the execution and to send its
            files (ours). Only for agents that say `sends_token`. The server keeps its digest alone.
        job_token: What the steps of the job show as a token of the API (ours). Only for the same agents, and from a server
            that wants tokens. It counts while the job is leased or runs.
    """

    assigned: bool
    job_execution: JobExecution | None = None
    message: str = ""
    lease_token: str = ""
    job_token: str = ""


class ReportAnswer(JobStateResponse):
    """The short answer to a status report.

    Attributes:
        lease: The answer to `next_lease`. Absent without one, and where the request for work failed: then the agent asks by
            `POST agent/lease`, and learns why.
    """

    lease: LeaseResponse | None = None
