"""Retention: its limits, what goes, and pins."""

from __future__ import annotations

import falcon

from cictl.wire.admin.retention import RetentionChange, RetentionCounts, RetentionPolicies, RunPin
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services


class RetentionResource:
    """`/api/v1/retention`"""

    def __init__(self, services: Services) -> None:
        self._policies = services.retention.policies

    @api(answers={200: RetentionPolicies})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return how long things are kept, and which projects have limits of their own."""
        media.write(resp, self._policies.show())

    @api(
        request=RetentionChange,
        answers={200: RetentionPolicies, 404: "unknown project", 409: "several projects have that name"},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change limits; absent keys keep what is stored."""
        media.write(resp, self._policies.change(media.read(req, RetentionChange)))


class RetentionPreviewResource:
    """`/api/v1/retention/preview`"""

    def __init__(self, services: Services) -> None:
        self._retention = services.retention.retention

    @api(answers={200: RetentionCounts}, costs_work=True)
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return what would go now."""
        media.write(resp, self._retention.preview())


class RetentionRunResource:
    """`/api/v1/retention/run`"""

    def __init__(self, services: Services) -> None:
        self._retention = services.retention.retention

    @api(answers={200: RetentionCounts, 409: "it is being done already"})
    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Remove what may go, for ten seconds at most; `is_complete` tells whether there is more."""
        media.write(resp, self._retention.run())


class RunPinResource:
    """`/api/v1/runs/{run}/pin` and `unpin`"""

    def __init__(self, services: Services) -> None:
        self._pins = services.retention.pins

    @api(answers={200: RunPin, 404: "unknown"})
    def on_post_pin(self, _req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Keep a run whatever its age; `run` is a number, or the id of a run or a chain run."""
        media.write(resp, self._pins.set(run, pinned=True))

    @api(answers={200: RunPin, 404: "unknown"})
    def on_post_unpin(self, _req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Let a run go when its time has come."""
        media.write(resp, self._pins.set(run, pinned=False))
