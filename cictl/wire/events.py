"""What `GET events` tells."""

from __future__ import annotations

from enum import StrEnum

from cictl.wire.codec import Message
from cictl.wire.jobs import JobState


class EventKind(StrEnum):
    """What an event is about; `reset` comes where some were missed."""

    JOB = "job"
    AGENT = "agent"
    RESET = "reset"


class JobChanged(Message):
    """An execution changed; `state` is how it is now, absent when it was deleted."""

    id: str
    state: JobState | None = None


class AgentChanged(Message):
    """An agent registered, came back, or was activated or deactivated."""

    agent_id: str
