"""What both sides type: names of headers and features, and texts that one side says and the other knows."""

from __future__ import annotations

from enum import StrEnum

EVENT_STREAM = "text/event-stream"

AGENT_ID = "X-CIWI-Agent-ID"
IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
LOG_COMPLETE = "X-Log-Complete"
LOG_OFFSET = "X-Log-Offset"
LOG_SIZE = "X-Log-Size"
PREFER = "Prefer"
RETURN_MINIMAL = "return=minimal"
"""A value of `Prefer` (RFC 7240, 4.2)."""

NO_ROUTE = "404 page not found"
"""What a server says that has no such route: a reference server keeps no logs by offset."""

NOT_A_SERVICE = "agent is not running as a service; self-update disabled"
"""What agents say that can't update themselves. Servers look for it, to leave them alone: whatever its case, and with more around it."""

CONTROL = "[control] "
"""How the lines of a log begin that cictl itself writes, and not a job."""


UPDATER, CICTL_WHEEL = "updater", "cictl-wheel"
"""The capability of agents that can install wheels by themselves, and its value."""

DEPENDENCY_JOB_IDS = "CIWI_DEP_ARTIFACT_JOB_IDS"
"""The variable that names the executions whose artifacts a job gets first, with commas between."""
DEPENDENCY_JOB_ID = "CIWI_DEP_ARTIFACT_JOB_ID"
"""The same where it is one."""

DEFAULT_PORT = 8112
DEFAULT_SERVER = f"http://127.0.0.1:{DEFAULT_PORT}"


class Feature(StrEnum):
    """The extensions of the contract; a server tells which it speaks."""

    EVENTS = "events"
    EXPLAIN = "explain"
    IDEMPOTENCY_KEY = "idempotency-key"
    JOB_STATE = "job-state"
    LEASE_WAIT = "lease-wait"
    LOG_APPEND = "log-append"
    LOG_FOLLOW = "log-follow"
    METRICS = "metrics"
    MINIMAL_REPLIES = "minimal-replies"
    PROBLEM_JSON = "problem-json"
    READYZ = "readyz"
    """`GET /readyz` is answered."""
