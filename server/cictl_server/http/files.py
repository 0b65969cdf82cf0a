"""Sending stored files, whole or in part, with the headers that a client needs to resume and to revalidate."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import format_datetime
from urllib.parse import quote

import falcon

from cictl.base.text.characters import without_steering
from cictl.base.zips.composed import ComposedFile
from cictl_server.blobs.contract import BlobReader
from cictl_server.errors import InvalidRequest
from cictl_server.http.access.authentication import caller_of
from cictl_server.http.conditional import is_known, is_unmodified
from cictl_server.http.sending import SENDING, FileSender
from cictl_server.http.streams import UNSENT_LIMIT
from cictl_server.services.artifacts.artifacts import StoredFile
from cictl_server.services.core.limits.places import Places

_BLOCK = 1 << 18
_MOST_DIGITS = 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileStream:
    """The rest of an open file. `close` also closes *resources*, whether the file was read or not.

    Where its server sends files itself, no block of it comes through here.
    """

    def __init__(
        self, file: BlobReader | ComposedFile, resources: ExitStack, *, length: int, sender: FileSender | None
    ) -> None:
        """Send the *length* bytes that follow in *file*."""
        self._file = file
        self._resources = resources
        self._left = length
        self._sender = sender

    def __iter__(self) -> Iterator[bytes]:
        extents = self._file.extents() if self._sender else None
        if self._sender is None or extents is None:
            yield from self._blocks()
            return
        for extent in extents:
            self._sender.send(extent)

    def _blocks(self) -> Iterator[bytes]:
        while self._left > 0 and (block := self._file.read(min(_BLOCK, self._left))):
            self._left -= len(block)
            yield block

    def close(self) -> None:
        self._resources.close()


def hold_place(req: falcon.Request, resources: ExitStack, places: Places) -> None:
    """Take one of *places* until *resources* are closed.

    Raises:
        NoCapacity: All are taken, or the caller has as many as one may have.
    """
    caller = caller_of(req)
    places.take_place(caller)
    resources.callback(places.leave_place, caller)


def send_file(req: falcon.Request, resp: falcon.Response, stored: StoredFile, places: Places) -> None:
    """Answer with *stored* as an attachment that no browser runs. A HEAD request gets the headers alone.

    RFC 9110, 13 and 14: 304 for a known ETag or date, 206 for one range of bytes, 416 for a range past the end. Several ranges,
    or one that can't be parsed, give the whole file.

    Raises:
        NoCapacity: The answer is so long that a thread may have to wait for its reader, and no place of *places* is left for it.
    """
    modified, etag, size = stored.blob.modified, stored.blob.etag, stored.blob.size
    resp.set_headers(
        {
            "Accept-Ranges": "bytes",
            "Content-Disposition": f"attachment; filename*=UTF-8''{_download_name(stored.name)}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "ETag": etag,
            "Last-Modified": format_datetime(modified, usegmt=True),
            "X-Content-Type-Options": "nosniff",
        }
    )
    if is_known(req, etag) or is_unmodified(req, modified):
        resp.status = falcon.HTTP_304
        return
    resp.content_type = mimetypes.guess_type(stored.name)[0] or "application/octet-stream"
    wanted = _range(req, etag, size=size)
    if wanted is not None and not wanted:
        resp.status = falcon.HTTP_416
        resp.set_header("Content-Range", f"bytes */{size}")
        return
    part = range(size) if wanted is None else wanted
    if wanted is not None:
        resp.status = falcon.HTTP_206
        resp.set_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
    if req.method == "HEAD":
        resp.content_length = len(part)
        return
    with ExitStack() as stack:
        if len(part) > UNSENT_LIMIT:
            hold_place(req, stack, places)
        file = stack.enter_context(stored.open(part))
        send_open(req, resp, file, stack.pop_all(), length=len(part))


def send_open(
    req: falcon.Request, resp: falcon.Response, file: BlobReader | ComposedFile, resources: ExitStack, *, length: int
) -> None:
    """Answer with the *length* bytes that follow in *file*, and close *resources* when that is over."""
    resp.set_stream(FileStream(file, resources, length=length, sender=req.env.get(SENDING)), length)


def _download_name(name: str) -> str:
    """Return what a browser may call the file (RFC 5987). A name that changes its direction would hide its real ending."""
    return quote(without_steering(name, instead="_"), safe="")


def _range(req: falcon.Request, etag: str, *, size: int) -> range | None:
    """Return the requested range of bytes; None for the whole file, an empty range for one past the end."""
    match = _RANGE.fullmatch(req.get_header("Range") or "")
    if match and max(map(len, match.groups())) > _MOST_DIGITS:
        raise InvalidRequest("Range must be of numbers that a file could have")
    if match is None or match[0] == "bytes=-" or req.get_header("If-Range") not in (None, etag):
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    return range(first, last + 1) if first < size else range(0)
