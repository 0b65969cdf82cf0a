"""The OpenAPI document of the API."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import falcon
import msgspec

from cictl_server.apidoc.describe import Content, api
from cictl_server.apidoc.openapi import document
from cictl_server.http.routes import Route


class OpenApiResource:
    """`/api/v1/openapi.json`"""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Take the route table. It contains this resource too, so it is read only at the first request."""
        self._routes = routes

    @api(answers={200: Content(media=("application/json",), text="An OpenAPI 3.1 document.")})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Describe the API for programs."""
        resp.content_type = "application/json"
        resp.set_header("Cache-Control", "no-cache")
        resp.data = self._document

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(document(self._routes)) + b"\n"
