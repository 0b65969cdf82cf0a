"""Calls about the queue as a whole: its pauses, and what empties it."""

from __future__ import annotations

from cictl.wire.codec import encode
from cictl.wire.waiting.queue import ClearedQueue, PauseRequest, QueueState, ResumeRequest
from cictl_client.calls.calls import Calls

_QUEUE = "/api/v1/queue"


class QueueCalls(Calls):
    """The queue: everything that waits for an agent."""

    def queue_state(self) -> QueueState:
        """Return the pauses of the queue that hold."""
        return self._transport.get(QueueState, _QUEUE)

    def pause_queue(self, *, reason: str, project: str = "") -> QueueState:
        """Let the server give out no further jobs, of *project* (its name or id) or of all; return all pauses that hold then."""
        request = PauseRequest(project=project, reason=reason)
        return self._mutations.post(QueueState, f"{_QUEUE}/pause", encode(request))

    def resume_queue(self, *, project: str = "") -> QueueState:
        """End the pause of *project*, or that of all jobs; return the pauses that still hold."""
        return self._mutations.post(QueueState, f"{_QUEUE}/resume", encode(ResumeRequest(project=project)))

    def clear_queue(self) -> int:
        """Remove every queued or leased execution, and return how many those were."""
        return self._mutations.post(ClearedQueue, "/api/v1/jobs/clear-queue").cleared
