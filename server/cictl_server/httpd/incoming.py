"""Requests as they come in: a body is taken only as far as it was admitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from cictl_server.errors import CictlError, TooLarge
from cictl_server.httpd.malformed import Parser
from cictl_server.httpd.proxies import Caller, Header


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A request without its body.

    Attributes:
        path: Decoded, without the query.
        length: Bytes of the body; None when the client does not tell.
        scheme: `http` or `https`, as the client sees it.
        header: Returns the value of a header; None if it was not sent.
    """

    method: str
    path: str
    query: str
    length: int | None
    header: Header
    scheme: str = "http"


Admit = Callable[[Head], int]
"""Returns how many bytes of a request's body are taken at most, or raises the CictlError with which it is refused."""


class Kept(Protocol):
    """Where a body is kept that does not go the usual way."""

    def write(self, data: bytes, /) -> int: ...

    def complete(self) -> object:
        """Return what the application finds as `wsgi.input`, once all has come."""

    def close(self) -> None: ...


Keep = Callable[[Head], Kept | None]
"""Returns where an admitted body is kept; None for memory and a temporary file."""


def keep_as_usual(_: Head) -> None:
    return None


class Request(Parser):
    """A request as it comes in. Its body is taken only as far as it was admitted.

    Attributes:
        refusal: Why the body was not taken.
        is_refused: Whether it was not, also where that goes without a reason: nobody answers at this path.
    """

    def __init__(
        self,
        adjustments: Any,
        *,
        admit: Admit,
        keep: Keep,
        on_refusal: Callable[[], None],
        caller: Callable[[Header], Caller],
    ) -> None:
        """Begin.

        Args:
            on_refusal: Called before anybody answers the request, which another thread may do at once.
            caller: Tells from the header of the request who asks.
        """
        super().__init__(adjustments)
        self._admit = admit
        self._keep = keep
        self._on_refusal = on_refusal
        self._caller = caller
        self._most_bytes = 0
        self.refusal: CictlError | None = None
        self.is_refused = False

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self._caller(self._header)

    def received(self, data: bytes) -> int:
        """Take a piece of the request, and return how much of *data* belongs to it."""
        was_in_header = not self.headers_finished
        consumed = int(super().received(data))
        if self.error is not None:
            self._on_refusal()
            return len(data)
        if self.body_rcv is not None:
            if was_in_header and self.headers_finished:
                self._decide()
            elif self.body_bytes_received > self._most_bytes:
                self._refuse(_too_large(self._most_bytes))
        return len(data) if self.is_refused else consumed

    def _decide(self) -> None:
        """Take the body or refuse it, before the client is told to go on (`Expect: 100-continue`)."""
        head = self._head()
        try:
            self._most_bytes = self._admit(head)
        except CictlError as error:
            self._refuse(error)
            return
        if not self._most_bytes:
            self._refuse(None)
        elif not self.chunked and self.content_length > self._most_bytes:
            self._refuse(_too_large(self._most_bytes))
        elif (kept := self._keep(head)) is not None:
            self.body_rcv.buf = _Buffer(kept)

    def _refuse(self, error: CictlError | None) -> None:
        """Let the application answer without the body. The connection is closed then, as the body may still be coming."""
        self.refusal, self.is_refused = error, True
        self.completed, self.expect_continue = True, False
        self.close()
        self.body_rcv = None
        self.headers |= {"CONTENT_LENGTH": "0", "CONNECTION": "close"}
        self._on_refusal()

    def _head(self) -> Head:
        path = "/" + self.path.lstrip("/")  # as the application will see it
        return Head(
            method=self.command,
            path=path.encode("latin-1").decode("utf-8", "replace"),
            query=self.query,
            length=None if self.chunked else self.content_length,
            header=self._header,
            scheme=self.caller.scheme,
        )

    def _header(self, name: str) -> str | None:
        value: str | None = self.headers.get(name.upper().replace("-", "_"))
        return value


class _Buffer:
    """A kept body, as waitress fills and hands over its own buffers."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        self._size += self._kept.write(data)

    def getfile(self) -> object:
        return self._kept.complete()

    def close(self) -> None:
        self._kept.close()


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most_bytes} bytes")
