"""Explanations of job executions."""

from __future__ import annotations

import falcon

from cictl.wire.waiting.explain import Explanation
from cictl_server.apidoc.describe import api
from cictl_server.http import media
from cictl_server.services import Services


class JobExplainResource:
    """`/api/v1/jobs/{job_id}/explain`"""

    def __init__(self, services: Services) -> None:
        self._explain = services.jobs.explain

    @api(answers={200: Explanation, 404: "unknown"})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Explain why an execution waits, or what became of it, and what to do about it."""
        media.write(resp, self._explain.explain(job_id))
