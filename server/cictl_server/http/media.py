"""Bodies: decoding requests into structs, and encoding structs into answers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import falcon
import msgspec

from cictl.wire.codec import decode, encode
from cictl_server.errors import InvalidRequest, NoCapacity, TooLarge
from cictl_server.http.conditional import is_known

T = TypeVar("T")

BODY_LIMIT = 8 << 20
"""Limit of a JSON body in bytes. A status report needs half: escaping can make 512 KiB of a log six times as long."""

LARGE_BODY_LIMIT = 64 << 20
"""Limit in bytes of a test report, and of artifacts in base64."""

_LARGE_AT_ONCE = 2
_GATE_SECONDS = 30.0
"""Long enough for the bodies before it, and shorter than clients wait for an answer."""

_NO_STORE = {"Cache-Control": "no-store, max-age=0", "Pragma": "no-cache", "Expires": "0"}


class LargeBodies:
    """Bounds the memory for large bodies: few are decoded at once, and the others wait on disk."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_LARGE_AT_ONCE)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a place, and hold it during the block, in which the body is decoded and stored.

        Raises:
            NoCapacity: No place became free in time.
        """
        if not self._places.acquire(timeout=_GATE_SECONDS):
            raise NoCapacity
        try:
            yield
        finally:
            self._places.release()


def read(req: falcon.Request, type_: type[T], *, empty_is_null: bool = False, limit: int = BODY_LIMIT) -> T:
    """Return the request's body as *type_*.

    Raises:
        DecodeError: The body is not a *type_*; it is answered as 400 `invalid JSON body`.
        TooLarge: More than *limit* bytes.
    """
    body = req.bounded_stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    return decode(b"null" if empty_is_null and not body.strip() else body, type_)


def write(resp: falcon.Response, message: msgspec.Struct, *, status: int = 200) -> None:
    """Answer with *message* as JSON, never to be cached."""
    resp.status = status
    resp.content_type = "application/json"
    resp.set_headers(_NO_STORE)
    resp.data = encode(message)


def write_tagged(req: falcon.Request, resp: falcon.Response, message: msgspec.Struct) -> None:
    """Answer with *message* and an ETag of its content, or with 304 if the client has it already."""
    body = encode(message)
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    resp.set_headers({**_NO_STORE, "ETag": etag})
    if is_known(req, etag):
        resp.status = falcon.HTTP_304
        return
    resp.content_type = "application/json"
    resp.data = body


def path_id(text: str, *, noun: str) -> int:
    """Return the database id in a path.

    Raises:
        InvalidRequest: It is not a positive decimal number.
    """
    if text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) > 0:
        return int(text)
    raise InvalidRequest(f"invalid {noun} id")
