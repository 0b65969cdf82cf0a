"""The topics that wakes are about. Besides these, a room may watch topics of its own."""

from __future__ import annotations

QUEUE = "queue"
"""An execution became leasable."""

EVENTS = "events"
"""The feed has more."""

AUDIT = "audit"
"""The audit has another record."""

TOKENS = "tokens"
"""There is another token."""


PROJECTS = "projects"
"""A project is to be looked at: it is new, or a webhook came."""


def agent_topic(agent_id: str) -> str:
    """What one agent offers changed, or whether it may get work."""
    return f"agent:{agent_id}"


def job_topic(number: int) -> str:
    """The state or the log of one execution changed."""
    return f"job:{number}"
