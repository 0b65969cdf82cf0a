"""Literals that both sides use: names of headers and features, and texts that one side sends and the other looks for."""

from __future__ import annotations

from enum import StrEnum

EVENT_STREAM = "text/event-stream"

AGENT_ID = "X-CIWI-Agent-ID"
CICTL_SERVER = "Cictl-Server"
"""A header of each answer of a cictl server: its `instance_id`. It tells the server's answers from those of a proxy."""
IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
LEASE_TOKEN = "Cictl-Lease-Token"  # noqa: S105 - the name of a header
"""A header of reports and uploads: the `lease_token` of the lease that gave the execution to their sender."""
JOB_TOKEN = "CICTL_JOB_TOKEN"  # noqa: S105 - the name of a variable
"""Where an agent puts the `job_token` of the lease for the job's steps, and where `cictl` looks for it."""
LOG_COMPLETE = "X-Log-Complete"
LOG_OFFSET = "X-Log-Offset"
LOG_SIZE = "X-Log-Size"
PREFER = "Prefer"
REQUEST_ID = "X-Request-Id"
"""A header of each answer: under what the server's log and the audit tell of the request. A caller may send one."""
RETURN_MINIMAL = "return=minimal"
"""A value of `Prefer` (RFC 7240, 4.2)."""

NO_ROUTE = "404 page not found"
"""The answer of a server without such a route, such as a reference server that is asked for a log by offset."""

NOT_A_SERVICE = "agent is not running as a service; self-update disabled"
"""What an agent reports that can't update itself. A server that finds this text in the report, in any case, asks no more."""

CONTROL = "[control] "
"""How a line of a log begins that cictl wrote, not the job."""


PREPARING = "Preparing execution"
CHECKING_OUT = "Checking out source"
BEFORE_STEPS = frozenset({PREPARING, CHECKING_OUT})
"""The `current_step` of an execution that an agent has begun, but none of its steps."""


def log_limit_line(size: str) -> str:
    """Return the last line of a log that was longer than the server's limit, such as `1GiB`."""
    return f"{CONTROL}log limit of {size} reached; the rest is not kept"


UPDATER, CICTL_WHEEL = "updater", "cictl-wheel"
"""The capability of agents that install wheels by themselves, and its value."""

DEPENDENCY_JOB_IDS = "CIWI_DEP_ARTIFACT_JOB_IDS"
"""The variable with the ids of the executions whose artifacts a job gets before its first step, separated by commas."""
DEPENDENCY_JOB_ID = "CIWI_DEP_ARTIFACT_JOB_ID"
"""The variable for a single such id."""

DEFAULT_PORT = 8112
DEFAULT_SERVER = f"http://127.0.0.1:{DEFAULT_PORT}"


class Feature(StrEnum):
    """The extensions of the contract. A server lists those that it speaks in `server-info`."""

    AGENT_PROCESS = "agent-process"
    """Of two processes with the id of one agent the second is refused."""
    ARTIFACT_LIMITS = "artifact-limits"
    """The server has limits of its own for artifacts, and names the one that was passed. The contract's don't count."""
    ARTIFACT_LINKS = "artifact-links"
    """Uploaded zips may have links to files of the same zip, and downloaded ones have them if `links=true` asks for it."""
    EVENTS = "events"
    EXPLAIN = "explain"
    IDEMPOTENCY_KEY = "idempotency-key"
    IMPORT_NAMES = "import-names"
    """An import may give the project a name, and replace another one."""
    JOB_STATE = "job-state"
    LEASE_WAIT = "lease-wait"
    LEASE_WITH_REPORT = "lease-with-report"
    """The report of an end may ask for the next execution, and its short answer brings it."""
    LOG_APPEND = "log-append"
    LOG_FOLLOW = "log-follow"
    METRICS = "metrics"
    MINIMAL_REPLIES = "minimal-replies"
    PROBLEM_JSON = "problem-json"
    READYZ = "readyz"
    """`GET /readyz` is answered."""
    SERVERS = "servers"
    """`GET /api/v1/servers` lists the servers that work on the same data."""
    SERVER_RETRIES = "server-retries"
    """An execution may end with the cause `start_failed`; the server runs it once more."""
    SLOTS = "slots"
    """An agent may hold as many executions as it says that it has slots."""


class JobFeature(StrEnum):
    """What a job may ask of its agent beyond the contract.

    An agent that does it has a capability of this name with the value `PRESENT` of `requirements`. A job that asks for it
    requires the capability, so it waits for such an agent instead of being run wrongly by another one.
    """

    STEPS = "cictl.steps"
    """The agent obeys the options of steps, and the working directory and the shell of the job."""
    SOURCE_PATH = "cictl.source-path"
    """The agent checks out into the `path` of the source."""
    WORKTREE = "cictl.worktree"
    """The agent checks out the `worktree` of the source, which the server keeps."""
    SERVICES = "cictl.services"
    CACHES = "cictl.caches"
    """The agent keeps caches that lie in the checkout, by their keys."""
    ARTIFACTS = "cictl.artifacts"
    """The agent keeps `artifacts` beside `artifact_globs`."""
    OUTPUTS = "cictl.outputs"
