"""Bodies: decoding requests into structs, and encoding structs into answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedRandom
from mmap import ACCESS_READ, mmap
from typing import TypeVar

import falcon
import msgspec

from cictl.wire.codec import Message, decode_request, encode
from cictl_server.errors import InvalidRequest, TooLarge
from cictl_server.http.conditional import is_known
from cictl_server.http.routes import SMALL_BODY
from cictl_server.services.core.limits.memory import SharedMemory

T = TypeVar("T")

_UNCOUNTED_BYTES = 16 << 10
"""Bodies up to this length are decoded at once; longer ones take their share of the memory."""

_UNPACKED = 16
"""How many times as long as a body its decoded form may be: a map of short texts is."""

_NO_STORE = {"Cache-Control": "no-store, max-age=0", "Pragma": "no-cache", "Expires": "0"}


class Caller(Message):
    """What all bodies of agents have in common."""

    agent_id: str = ""


def read(req: falcon.Request, type_: type[T], *, empty_is_null: bool = False) -> T:
    """Return the request's body as *type_*.

    Raises:
        DecodeError: The body is not a *type_*; it is answered as 400 `invalid JSON body`.
        TooLarge: It is longer than its route allows.
        NoCapacity: Too many large bodies are being decoded.
    """
    with _memory_for(req), raw_body(req) as body:
        is_null = empty_is_null and not body[:_UNCOUNTED_BYTES].strip()
        return decode_request(b"null" if is_null else body, type_)


@contextmanager
def reading(req: falcon.Request, type_: type[T], *, check: Callable[[str], None]) -> Iterator[T]:
    """Yield the request's body as *type_*, and hold memory for it during the block, in which it is stored.

    Args:
        check: Raises an error if the agent with this id can't send such a body. A large body is decoded only afterwards.

    Raises:
        DecodeError, TooLarge, NoCapacity: As `read` does.
    """
    with _memory_for(req), raw_body(req) as body:
        if len(body) > SMALL_BODY and (agent_id := decode_request(body, Caller).agent_id):
            check(agent_id)
        yield decode_request(body, type_)


def _memory_for(req: falcon.Request) -> AbstractContextManager[None]:
    length = req.content_length or 0
    if length <= _UNCOUNTED_BYTES:
        return nullcontext()
    memory: SharedMemory = req.context.memory
    return memory.share(length * _UNPACKED)


@contextmanager
def raw_body(req: falcon.Request) -> Iterator[bytes | mmap]:
    """Yield the body as it came. A long one is in a temporary file, and is not copied into memory: only what is looked at gets there."""
    limit: int = req.context.body_limit
    length = req.content_length or 0
    if length > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    stream = req.env["wsgi.input"]
    if length <= _UNCOUNTED_BYTES or not isinstance(stream, BufferedRandom):
        yield req.bounded_stream.read()
        return
    stream.flush()
    with mmap(stream.fileno(), length, access=ACCESS_READ) as body:
        yield body


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
