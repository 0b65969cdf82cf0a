"""The queue as a whole: its pauses."""

from __future__ import annotations

import falcon

from cictl.wire.waiting.queue import PauseRequest, QueueState, ResumeRequest
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services


class QueueResource:
    """`/api/v1/queue`"""

    def __init__(self, services: Services) -> None:
        self._pauses = services.policies.pauses

    @api(answers={200: QueueState})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return the pauses that hold."""
        media.write(resp, self._pauses.show())


class QueuePauseResource:
    """`/api/v1/queue/pause`"""

    def __init__(self, services: Services) -> None:
        self._pauses = services.policies.pauses

    @api(
        request=PauseRequest,
        answers={
            200: QueueState,
            400: "no reason, or a long one",
            404: "unknown project",
            409: "several projects have that name",
        },
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give out no further jobs, of all projects or of one. What runs goes on, and what is asked for is queued."""
        media.write(resp, self._pauses.pause(media.read(req, PauseRequest)))


class QueueResumeResource:
    """`/api/v1/queue/resume`"""

    def __init__(self, services: Services) -> None:
        self._pauses = services.policies.pauses

    @api(
        request=ResumeRequest,
        answers={200: QueueState, 404: "unknown project", 409: "several projects have that name"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """End a pause: that of all jobs, or that of one project."""
        media.write(resp, self._pauses.resume(media.read(req, ResumeRequest)))
