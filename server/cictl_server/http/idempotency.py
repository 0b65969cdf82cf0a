"""The header `Idempotency-Key`: a repeat of a request gets the answer of the first, for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BufferedRandom, BytesIO

import falcon

from cictl.wire import words
from cictl_server.errors import InvalidRequest
from cictl_server.http.access.authentication import caller_of
from cictl_server.services.core.idempotency import IdempotencyService, KeyedRequest

_LONGEST = 255
_NOT_FOUND = 404


class Idempotency:
    """Answers repeats before they reach a resource, and stores answers for repeats.

    An answer of 404 or 5xx is not stored: nothing was changed, and a repeat tries again.
    """

    def __init__(self, service: IdempotencyService, *, takes_key: Callable[[str, str], bool]) -> None:
        """Look after the routes of which *takes_key* says so, by method and path; on others the key is ignored."""
        self._service = service
        self._takes_key = takes_key

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, _params: dict[str, str]
    ) -> None:
        key = req.get_header(words.IDEMPOTENCY_KEY)
        if not key or not self._takes_key(req.method, req.path):
            return
        if len(key) > _LONGEST or not key.isprintable():
            raise InvalidRequest(f"{words.IDEMPOTENCY_KEY} must be up to {_LONGEST} printable characters")
        begun = self._service.begin(_keyed(req, key))
        if isinstance(begun, str):
            req.context.idempotency_id = begun
            return
        resp.status = begun.status
        if begun.content_type:
            resp.content_type = begun.content_type
        resp.data = begun.body.encode()
        resp.set_header("Idempotency-Replayed", "true")
        resp.complete = True

    def process_response(self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool) -> None:
        answer_id = getattr(req.context, "idempotency_id", None)
        if answer_id is None:
            return
        if resp.status_code == _NOT_FOUND or resp.status_code >= 500:
            self._service.abandon(answer_id)
            return
        body = (resp.data or b"").decode(errors="replace")
        self._service.finish(answer_id, status=resp.status_code, content_type=resp.content_type or "", body=body)


def _keyed(req: falcon.Request, key: str) -> KeyedRequest:
    return KeyedRequest(
        caller=caller_of(req),
        method=req.method,
        path=req.path,
        key=key,
        query=req.query_string,
        body_digest=_body_digest(req),
    )


def _body_digest(req: falcon.Request) -> str:
    """Read the body, and leave it for the responder. A long one is in a file, and stays there."""
    stream = req.env["wsgi.input"]
    if isinstance(stream, BufferedRandom):
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        return digest
    body = req.stream.read(req.context.body_limit + 1)
    req.env["wsgi.input"] = req.stream = BytesIO(body)
    return hashlib.sha256(body).hexdigest()
