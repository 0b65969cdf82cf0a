"""Bytes that are no request: noticing them, and answering in the form of all other errors.

waitress parses requests. It leaves some errors to nobody, so that a connection ended in a traceback without an answer, and
its own pages have another form than the application's answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask
from waitress.utilities import BadRequest

from cictl.base.request_ids import new_request_id
from cictl.wire import words

DISK_FULL = "the server's disk is full, where it keeps what is coming: free space there"

TOO_MANY_FILES = "the server may not open another file just now: ask again in a moment"

_CHUNK_LINE_BYTES = 4 << 10
"""The longest line with the length of a chunk and its extensions."""

_TRAILER_BYTES = 16 << 10
"""The longest trailer of a body in chunks."""

TEXTS: Mapping[int, str] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than this server takes",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "the header of the request is larger than this server takes",
    HTTPStatus.INTERNAL_SERVER_ERROR: "a fault ended this answer; the log of the server has details",
    HTTPStatus.NOT_IMPLEMENTED: "this Transfer-Encoding is not supported: send chunked, or a Content-Length",
}


def error_headers(instance_id: str) -> dict[str, str]:
    """Return the headers of an error that no application answers; *instance_id* marks it as the server's own.

    Without one they are those of any web server: clients know errors of the contract by `nosniff`.
    """
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    mark = {
        "X-Content-Type-Options": "nosniff",
        words.CICTL_SERVER: instance_id,
        words.REQUEST_ID: new_request_id(),
    }
    return headers | mark if instance_id else headers


def answer_without_request(status: str, text: str, *, instance_id: str) -> bytes:
    """Return the bytes of an answer for who has not asked, and whose connection is closed."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in error_headers(instance_id).items())
    return (
        f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {len(text) + 1}\r\n\r\n{text}\n".encode()
    )


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Reads one request. What can't be read becomes its `error`, and never an exception."""

    body_rcv: Any
    path = ""
    """Empty where it can't be read: waitress's log names it for whatever goes wrong with a request."""
    _beginning = b""

    @property
    def is_head(self) -> bool:
        """Whether the method is HEAD, also where the rest can't be read."""
        return self._beginning == b"HEAD "

    def received(self, data: bytes) -> int:
        self._beginning = (self._beginning + data[:64]).lstrip()[:5]
        try:
            taken = int(super().received(data))
        except ValueError:  # a Content-Length of thousands of digits, or a URL with half an address
            self.error = BadRequest("Content-Length or address")
            self.completed = self.headers_finished = True
            taken = len(data)
        if self.chunked and not self.completed:
            self._limit_lines()
        if self.completed:
            self.expect_continue = False  # else waitress takes a request that is complete for one that goes on
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header, as waitress does, but refuse two lengths: a proxy may go by the other one (RFC 9112, 6.1).

        Raises:
            ParsingError: It is malformed.
        """
        super().parse_header(header_plus)
        if "TRANSFER_ENCODING" in self.headers:  # waitress takes it away only where it obeys it
            raise ParsingError("Transfer-Encoding needs HTTP/1.1")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length beside Transfer-Encoding")

    def _limit_lines(self) -> None:
        """Refuse lines that have no end: waitress keeps them, and looks through all that it has with each piece that comes."""
        if len(self.body_rcv.control_line) > _CHUNK_LINE_BYTES:
            self.error = BadRequest("the line of a chunk is too long")
        elif len(self.body_rcv.trailer) > _TRAILER_BYTES:
            self.error = BadRequest("the trailer is too long")
        self.completed = self.error is not None


class ErrorAnswer(ErrorTask):  # type: ignore[misc]
    """Answers a request that has an `error`, and closes the connection: where the next request begins is unknown."""

    def execute(self) -> None:
        error: Any = self.request.error
        self.status = f"{error.code} {error.reason}"
        text = TEXTS.get(error.code) or f"malformed request: {_without_quote(error.body)}"
        body = f"{text}\n".encode()
        self.response_headers.extend(error_headers(self.channel.instance_id).items())
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(b"" if self.request.is_head else body)


def _without_quote(text: str) -> str:
    """Return what waitress says of an error without the header line that it quotes, which may hold a token."""
    return text.partition(' "')[0]
