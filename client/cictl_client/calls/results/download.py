"""Downloading one file without asking for a byte twice, through broken connections and ends of this process.

The bytes that have come are kept in a `.part` file beside the target. Its name holds a digest of the file's validator, so
that bytes of two versions never meet in one file. A server without validators or ranges is asked for the whole file again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cictl_client.errors import ApiError, ForeignAnswer, MethodNotAllowed, NotFound, UnexpectedAnswer, Unreachable
from cictl_client.retry import TRANSIENT, OnReconnect, Pause

if TYPE_CHECKING:
    import requests

    from cictl_client.transport import Transport

BLOCK = 1 << 18
ATTEMPTS = 6
"""It gives up after so many attempts in a row that bring no new byte, with pauses of up to five seconds."""

_RANGE_NOT_SATISFIABLE = 416
_LONGEST_STEM = 255 - len(f".{'0' * 12}.part")
"""Bytes of a `.part` file's name that come before its digest; a name has at most 255."""

Progress = Callable[[int], None]


def download(
    transport: Transport,
    url: str,
    target: Path,
    *,
    size: int | None,
    progress: Progress | None,
    on_reconnect: OnReconnect | None,
) -> int:
    """Download *url* to *target*, replacing what is there, and return its size.

    Args:
        size: The bytes that the file must have; None if that is not known.

    Raises:
        Unreachable: Six attempts in a row brought no new byte. What came before stays in the `.part` file.
        UnexpectedAnswer: The file has another size.
    """
    fetch = _Fetch(transport, url, target, progress)
    pause, failures, furthest = Pause(), 0, fetch.have
    while True:
        try:
            fetch.attempt()
        except TRANSIENT as error:
            if fetch.have > furthest:
                failures = 0
                pause.reset()
            furthest, failures = fetch.have, failures + 1
            if failures >= ATTEMPTS:
                raise
            if on_reconnect is not None:
                on_reconnect(error)
            pause.wait()
        else:
            return fetch.finish(size)


class _Fetch:
    """The attempts to download one file.

    Attributes:
        have: Bytes in the `.part` file.
    """

    def __init__(self, transport: Transport, url: str, target: Path, progress: Progress | None) -> None:
        self._transport = transport
        self._url = url
        self._target = target
        self._stem = _stem(target.name)
        self._progress = progress
        self._validator = ""
        self._is_begun = False
        self._part = self._part_of("")
        self.have = 0

    def attempt(self) -> None:
        """Ask for the missing bytes, and keep what comes; return when the file is whole."""
        if not self._is_begun:
            self._find_part()
            self._is_begun = True
        headers = {"Accept-Encoding": "identity"}
        if self._validator and self.have:
            # `If-Range` makes a server that has another version by now send all of that instead of a range of it.
            headers |= {"Range": f"bytes={self.have}-", "If-Range": self._validator}
        try:
            with self._transport.open("GET", self._url, headers=headers) as response:
                self._take(response)
        except (ApiError, ForeignAnswer) as error:
            if error.status != _RANGE_NOT_SATISFIABLE:
                raise
            # An earlier process had all bytes and ended before it moved the file: there is no range after the last byte.
            with self._transport.open("GET", self._url, headers={"Accept-Encoding": "identity"}) as response:
                self._take(response)

    def finish(self, size: int | None) -> int:
        """Check the size, and move the file to the target.

        Raises:
            UnexpectedAnswer: The size is not *size*; the bytes are deleted.
        """
        if size is not None and self.have != size:
            self._part.unlink(missing_ok=True)
            raise UnexpectedAnswer(
                self._transport.base_url + self._url, f"there came {self.have} bytes instead of {size}"
            )
        self._part.replace(self._target)
        for other in self._parts():
            other.unlink(missing_ok=True)
        return self.have

    def _find_part(self) -> None:
        """Continue what an earlier process left, if the server still has the same version."""
        if not self._parts():
            return
        try:
            with self._transport.open("HEAD", self._url) as response:
                self._begin_with(_validator(response.headers))
        except (NotFound, MethodNotAllowed):
            return
        except ForeignAnswer as error:
            # An answer without a body may be a server's that marks none of its answers.
            if error.status not in (NotFound.code.status, MethodNotAllowed.code.status):
                raise

    def _take(self, response: requests.Response) -> None:
        is_rest = response.status_code == 206
        if not is_rest:
            self._begin_with(_validator(response.headers))
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {self.have}-"):
            raise UnexpectedAnswer(
                self._transport.base_url + self._url, "another range than the one that was asked for"
            )
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with self._part.open("ab" if is_rest else "wb") as sink:
            self.have = sink.tell()
            self._copy(response, sink)

    def _copy(self, response: requests.Response, sink: IO[bytes]) -> None:
        expected = response.headers.get("Content-Length", "")
        end = self.have + int(expected) if expected.isdigit() else None
        for block in response.iter_content(BLOCK):
            sink.write(block)
            self.have += len(block)
            if self._progress is not None:
                self._progress(self.have)
        if end is not None and self.have < end:
            raise Unreachable(self._transport.base_url, "the connection broke")

    def _begin_with(self, validator: str) -> None:
        self._validator = validator
        self._part = self._part_of(validator)
        self.have = 0
        if validator:
            with suppress(FileNotFoundError):
                self.have = self._part.stat().st_size

    def _part_of(self, validator: str) -> Path:
        digest = hashlib.sha256(f"{self._transport.base_url}{self._url}\n{validator}".encode()).hexdigest()
        return self._target.with_name(f"{self._stem}.{digest[:12]}.part")

    def _parts(self) -> list[Path]:
        begin, end = f"{self._stem}.", ".part"
        digits = len(begin) + 12
        with suppress(OSError):
            names = [child.name for child in self._target.parent.iterdir()]
            return [
                self._target.with_name(name)
                for name in names
                if name.startswith(begin) and name.endswith(end) and len(name) == digits + len(end)
            ]
        return []


def _stem(name: str) -> str:
    """Return how the name of a `.part` file begins: *name*, or something shorter of its own if it is too long for that."""
    data = os.fsencode(name)
    if len(data) <= _LONGEST_STEM:
        return name
    digest = hashlib.sha256(data).hexdigest()[:12]
    return f"{os.fsdecode(data[:200]).encode('utf-8', 'ignore').decode()}~{digest}"


def _validator(headers: Mapping[str, str]) -> str:
    """Return the validator for `If-Range`, empty without one. A weak ETag won't do (RFC 9110, 13.1.5)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "") if not etag else ""
