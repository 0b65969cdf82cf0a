"""The header `Idempotency-Key`: a repeat of a request gets the answer of the first, for a day."""

from __future__ import annotations

import falcon

from cictl.wire import words
from cictl_server.errors import InvalidRequest
from cictl_server.services.core.idempotency import IdempotencyService

_METHODS = frozenset({"POST", "DELETE"})
_LONGEST = 255

KEYLESS = frozenset({"/api/v1/agent/lease"})
"""Paths where the key is ignored. The answer to a lease holds secrets, which must not be stored; it has `request_id`."""


class Idempotency:
    """Answers repeats before they reach a resource, and stores answers for repeats.

    An answer of 5xx is not stored: after a fault of the server, a repeat tries again.
    """

    def __init__(self, service: IdempotencyService) -> None:
        self._service = service

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        key = req.get_header(words.IDEMPOTENCY_KEY)
        if not key or req.method not in _METHODS or req.path in KEYLESS:
            return
        if len(key) > _LONGEST or not key.isprintable():
            raise InvalidRequest(f"{words.IDEMPOTENCY_KEY} must be up to {_LONGEST} printable characters")
        begun = self._service.begin(req.method, req.path, key)
        if isinstance(begun, str):
            req.context.idempotency_key = begun
            return
        resp.status = begun.status
        if begun.content_type:
            resp.content_type = begun.content_type
        resp.data = begun.body.encode()
        resp.set_header("Idempotency-Replayed", "true")
        resp.complete = True

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool) -> None:
        key = getattr(req.context, "idempotency_key", None)
        if key is None:
            return
        if resp.status_code >= 500:
            self._service.abandon(key)
            return
        body = (resp.data or b"").decode(errors="replace")
        self._service.finish(key, status=resp.status_code, content_type=resp.content_type or "", body=body)
