"""Bodies that come in pieces, without a thread that waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

from cictl_server.httpd.body_memory import SHORT_BODY
from cictl_server.httpd.connections import LINGER_BYTES, LINGER_SECONDS, is_too_slow
from cictl_server.httpd.granian.engine import Future, RequestProtocol, Watcher
from cictl_server.httpd.incoming import Kept


class Spool:
    """Keeps a body as usual: in memory while it is short, then in a temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = BytesIO()
        self._bytes = 0

    def write(self, data: bytes, /) -> int:
        self._bytes += len(data)
        if self._bytes > SHORT_BODY and isinstance(self._file, BytesIO):
            begun, self._file = self._file.getvalue(), TemporaryFile()  # noqa: SIM115 - `close` closes it
            self._file.write(begun)
        return self._file.write(data)

    def complete(self) -> IO[bytes]:
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        with suppress(OSError):  # the disk is full, and what was not written yet can't be
            self._file.close()


class Body:
    """The body of one request while it comes."""

    def __init__(
        self,
        protocol: RequestProtocol,
        *,
        length: int | None,
        most: int,
        kept: Kept,
        on_end: Callable[[Body], None],
    ) -> None:
        """Prepare; `ask` begins.

        Args:
            length: Its bytes, if the client says so.
            most: How many are taken.
            kept: Where they go.
            on_end: Called once, when no more is taken, in a thread of granian's.
        """
        self._protocol = protocol
        self._length = length
        self.most = most
        self._ends = [on_end]
        self.asked: Future | None = None
        self._begun_at = time.monotonic()
        self._kept = kept
        self.input: Any = None
        """What the application reads, once all has come; else None."""
        self.bytes = 0
        self.error: OSError | None = None
        """Why it could not be kept."""

    @property
    def is_too_large(self) -> bool:
        return self.bytes > self.most

    def ask(self) -> None:
        """Ask for the next piece."""
        self.asked = future = self._protocol.receive()
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(self._take)
        else:
            self._end()  # its client has gone

    def give_up_if_slow(self, now: float) -> None:
        """End it if it comes too slowly."""
        if is_too_slow(self.bytes, seconds=now - self._begun_at):
            _cancel(self)
            self._end()

    def close(self) -> None:
        self._kept.close()

    def _take(self, future: Any) -> None:
        self.asked = None
        if future.cancelled():
            return
        message = future.result()
        if message["type"] != "http.request":
            self._end()
            return
        is_last = not message["more_body"]
        data = message["body"]
        self.bytes += len(data)
        try:
            if not self.is_too_large:
                self._kept.write(data)
            is_last = is_last or self.bytes == self._length
            if is_last and self._length in (None, self.bytes):
                self.input = self._kept.complete()
        except OSError as error:
            self.error = error
        if is_last or self.is_too_large or self.error is not None:
            self._end()
        else:
            self.ask()

    def _end(self) -> None:
        """Tell of the end, once: it may end by itself just while it is given up."""
        try:
            on_end = self._ends.pop()
        except IndexError:
            return
        on_end(self)


class Rest:
    """What still comes after a refusal. It is thrown away for a moment, so that the client gets to see the answer."""

    def __init__(self, watcher: Watcher, coming: set[Any]) -> None:
        """Be one of those that are *coming* until the moment is over. granian closes the connection then."""
        self._watcher = watcher
        self._coming = coming
        self.asked: Future | None = None
        self._begun_at = time.monotonic()
        self._bytes = 0

    def ask(self) -> None:
        """Ask for the next piece."""
        self.asked = future = self._watcher.proto.receive()
        if hasattr(future, "add_done_callback"):
            self._coming.add(self)
            future.add_done_callback(self._take)
        else:
            self._end()

    def give_up_if_slow(self, now: float) -> None:
        """End it if the moment is over."""
        if now - self._begun_at <= LINGER_SECONDS:
            return
        if self.asked is not None:
            _cancel(self)  # granian lets go of the body a little later
        else:
            self._end()

    def _take(self, future: Any) -> None:
        self.asked = None
        if future.cancelled():
            return
        message = future.result()
        self._bytes += len(message.get("body", b""))
        if message.get("more_body") and self._bytes <= LINGER_BYTES:
            self.ask()
        else:
            self._end()

    def _end(self) -> None:
        self._coming.discard(self)
        self._watcher.done()


def _cancel(coming: Body | Rest) -> None:
    """Await the next piece no more, and forget it: granian's futures keep whom they tell, and nobody would free such a circle."""
    asked, coming.asked = coming.asked, None
    if asked is not None:
        asked.cancel()
