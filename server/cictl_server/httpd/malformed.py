"""Bytes that are no request: noticing them, and answering in the form of all other errors.

waitress parses requests. It leaves some errors to nobody, so that a connection ended in a traceback without an answer, and
its own pages have another form than the application's answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import BadRequest

from cictl.base.request_ids import new_request_id
from cictl.wire import words

DISK_FULL = "the server's disk is full, where it keeps what is coming: free space there"

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


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Reads one request. What can't be read becomes its `error`, and never an exception."""

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
        if self.completed:
            self.expect_continue = False  # else waitress takes a request that is complete for one that goes on
        return taken


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
