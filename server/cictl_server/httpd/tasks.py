"""Answering a request in a thread, and putting the answer aside while there is nothing to tell."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from waitress.task import WSGITask
from waitress.utilities import build_http_date

from cictl.base.zips.composed import Extent
from cictl_server.http.errors import REFUSAL
from cictl_server.http.sending import SENDING
from cictl_server.httpd.sending import CAN_SEND, send_file
from cictl_server.signals.waits import PARKING, Awaited

ROOM_BYTES = 1 << 16
"""A follower whose client has more than so much to take is told nothing further until it has taken it."""


_SMALL_BYTES = 1 << 16
_OWN = frozenset({"Date", "Server"})
"""Headers that the server sets itself, unless the application has done so."""


@lru_cache(256)
def _capitalized(name: str) -> str:
    """Return the name of a header of ours as waitress writes it: `Content-Type`."""
    return "-".join(part.capitalize() for part in name.split("-"))


@lru_cache(2)
def _date(second: int) -> str:
    return str(build_http_date(second))


class PutAside(BaseException):
    """Leaves the work on a request whose answer goes on later. It is no error: nothing that handles errors may stop it."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task


class Task(WSGITask):  # type: ignore[misc]  # waitress has no types
    """One request that is answered, in one go or in several.

    Attributes:
        awaited: What the answer awaits that is put aside; None while it goes on.
    """

    wrote_header: bool

    def __init__(self, channel: Any, request: Any) -> None:
        super().__init__(channel, request)
        self.awaited: Awaited | None = None
        self._answer: Any = None

    def get_environment(self) -> dict[str, Any]:
        """Return what waitress tells the application, and who asks, why a body was not taken, and where an answer is put aside."""
        is_new = self.environ is None
        environment: dict[str, Any] = super().get_environment()
        if is_new:
            environment[REFUSAL] = self.request.refusal
            environment[PARKING] = self
            if CAN_SEND:
                environment[SENDING] = self
            caller = self.request.caller
            environment["REMOTE_ADDR"] = environment["REMOTE_HOST"] = caller.address
            environment["wsgi.url_scheme"] = caller.scheme
        return environment

    def park(self, answer: Any, awaited: Awaited) -> None:
        """Put *answer* aside. See `signals.waits.Parking`."""
        self._answer, self.awaited = answer, awaited

    def send(self, extent: Extent) -> None:
        """Send a part of the answer that lies in a file. See `http.sending.FileSender`."""
        assert self.content_length is not None
        self.write(b"")  # the header, if nothing else was sent yet
        send_file(self.channel, extent.file.fileno(), extent.start, extent.size)
        self.content_bytes_written += extent.size

    def has_room(self) -> bool:
        return bool(self.channel.total_outbufs_len <= ROOM_BYTES)

    def service(self) -> None:
        """Answer, or go on with the answer.

        Raises:
            PutAside: It is put aside.
        """
        super().service()
        if self.awaited is not None:
            raise PutAside(self)

    def start(self) -> None:
        if self._answer is None:
            super().start()

    def set_close_on_finish(self) -> None:
        """Close the connection after this answer, as waitress wants, but for one reason: that a 204 or a 304 tells no length."""
        keeps = self.version == "1.1" and self.request.headers.get("CONNECTION", "").lower() != "close"
        if self.wrote_header or self.has_body or not keeps:
            super().set_close_on_finish()

    def execute(self) -> None:
        self.awaited = None
        if self._answer is None:
            super().execute()
            return
        try:
            for block in self._answer:
                if block:
                    self.write(block)
        finally:
            self._answer.close()

    def write(self, data: bytes) -> None:
        """Send *data*. The header goes along with an answer that is whole, and small as most are: as one piece."""
        is_whole = not self.wrote_header and len(data) == self.content_length and len(data) <= _SMALL_BYTES
        if not (is_whole and data and self.has_body and self.complete):
            super().write(data)
            return
        header = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(header + data)

    def build_response_header(self) -> bytes:
        """Return the header: as waitress makes it, or the same of a usual answer at less cost."""
        fields = [(_capitalized(name), value) for name, value in self.response_headers]
        ident: str = self.channel.server.adj.ident
        if not self._is_usual({name for name, _ in fields}) or not ident:
            return bytes(super().build_response_header())
        fields += [("Date", _date(int(self.start_time))), ("Server", ident)]
        lines = [f"{name}: {value}" for name, value in fields]
        return "\r\n".join([f"HTTP/1.1 {self.status}", *lines, "", ""]).encode("latin-1")

    def _is_usual(self, names: set[str]) -> bool:
        """Tell whether the connection stays open after an answer of known length that has these headers, and no others are wanted."""
        stays = self.version == "1.1" and self.request.headers.get("CONNECTION", "").lower() != "close"
        return (
            stays
            and not self.close_on_finish
            and self.has_body
            and "Content-Length" in names
            and names.isdisjoint(_OWN)
        )

    def finish(self) -> None:
        if self.awaited is None:
            super().finish()

    def abandon(self) -> None:
        """Give back what an answer holds that was put aside, and whose client has gone."""
        answer, self._answer = iter(self._answer), None
        answer.close()
