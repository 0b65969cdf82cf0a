"""What `GET events` tells."""

from __future__ import annotations

from cictl.wire.codec import Message
from cictl.wire.jobs import JobState


class JobChanged(Message):
    """An execution changed; `state` is how it is now, absent when it was deleted."""

    id: str
    state: JobState | None = None


class AgentChanged(Message):
    """An agent registered, came back, or was activated or deactivated."""

    agent_id: str
