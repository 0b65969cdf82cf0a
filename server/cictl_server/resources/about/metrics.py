"""Metrics: their scrape, and the measurement of every request."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import falcon

from cictl_server.apidoc.describe import Content, api
from cictl_server.http.waiting import is_put_off
from cictl_server.services import Services

_BEGUN = "cictl.begun"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MetricsResource:
    """`/metrics`"""

    def __init__(self, services: Services) -> None:
        self._scrape = services.about.scrape

    @api(answers={200: Content(media=("text/plain",), text="Prometheus' text format.")})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Return the metrics in Prometheus' text format."""
        resp.content_type = "text/plain; version=0.0.4; charset=utf-8"
        resp.data = self._scrape.text()


class Measuring:
    """Counts every request by its route, and measures the time until its answer begins."""

    def __init__(self, services: Services) -> None:
        self._metrics = services.core.metrics

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        req.context.begun = req.env.setdefault(_BEGUN, perf_counter())

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: Any, _succeeded: bool) -> None:
        if is_put_off(req.env):
            return  # it is asked again, and counts with its answer
        route = req.uri_template or ""
        method = req.method if req.method in _METHODS else "other"
        self._metrics.note_request(method, route, resp.status_code, seconds=perf_counter() - req.context.begun)
