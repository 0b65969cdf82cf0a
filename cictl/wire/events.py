"""The events that `GET events` streams. They say that something changed, and little about what."""

from __future__ import annotations

from enum import StrEnum

from cictl.wire.codec import Message
from cictl.wire.jobs import JobState


class EventKind(StrEnum):
    """What an event is about. `reset` says that events were missed: read again what you show."""

    JOB = "job"
    AGENT = "agent"
    PROJECT = "project"
    RESET = "reset"


class JobChanged(Message):
    """An execution changed. `state` is its present state; it is absent when the execution was deleted."""

    id: str
    state: JobState | None = None


class ProjectChanged(Message):
    """A look at the repository of a project found something new, or failed; `GET projects/{id}` tells how it went."""

    project_id: int


class AgentChanged(Message):
    """An agent registered, came back, or was activated, deactivated or drained."""

    agent_id: str
