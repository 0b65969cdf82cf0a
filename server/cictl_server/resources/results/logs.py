"""Logs: by byte range, and as an event stream."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from typing import overload

import falcon
import msgspec

from cictl.wire import words
from cictl.wire.jobs import JobState, JobSteps
from cictl.wire.results.log_lines import LogHits, LogLines
from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import CictlError, InvalidRequest
from cictl_server.http import media, streams
from cictl_server.http.access.authentication import caller_of, principal_of
from cictl_server.http.parameters import Parameter, instant
from cictl_server.http.streams import UNSENT_LIMIT, PlacedStream
from cictl_server.services import Services
from cictl_server.services.core.hub import IsOver
from cictl_server.services.logs.lines import MOST_LINES
from cictl_server.services.logs.reader import LogSlice
from cictl_server.services.logs.search import LONGEST_QUERY, MOST_HITS
from cictl_server.signals.waits import Awaited

_LIMIT = 8 << 20
_LINES = 300
_HITS = 100

_LOG = Content(
    media=("text/plain", words.EVENT_STREAM),
    text="The bytes; with `follow=1` events.",
    headers={
        words.LOG_OFFSET: "Where the bytes begin.",
        words.LOG_SIZE: "Bytes of the log so far.",
        words.LOG_COMPLETE: "`true` once the execution is over, else `false`.",
    },
)


class JobLogResource:
    """`/api/v1/jobs/{job_id}/log`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs.jobs
        self._hub = services.core.hub
        self._downloads = services.core.downloads
        self._authentication = services.access.authentication

    @api(
        answers={
            200: _LOG,
            400: "a bad number",
            404: "unknown",
            503: "all places for waiting, or for downloads, are taken",
        },
        query=[
            Parameter(name="offset", is_number=True, default=0, text="The first byte wanted."),
            Parameter(name="limit", is_number=True, default=_LIMIT, text="Bytes wanted at most; not for `follow`."),
            Parameter(
                name="follow", choices=("1", "true"), text="Stream what there is and what is added until the end."
            ),
            Parameter(
                name="since", text="An RFC 3339 instant: begin, at `offset` or later, with what arrived since then."
            ),
            Parameter(name="times", choices=("1", "true"), text="With `follow`, tell when the bytes arrived."),
        ],
        headers=[Parameter(name=words.LAST_EVENT_ID, text="With `follow`, wins over `offset`.")],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Return the log's bytes from `offset` on, or follow it.

        With `follow=1` the answer is a `text/event-stream`: events `log` with `{"offset", "data_base64"}` and the next
        offset as their id, then one event `end` with the final JobState. With `times=1` all bytes of one event arrived at
        the same time, to a second, and its data has that time by the server's clock as `received_utc`, if it is known.
        """
        if req.get_param("follow") in ("1", "true"):
            self._follow(req, resp, job_id)
            return
        offset = self._first(req, job_id, _number(req, "offset", default=0))
        limit = min(_number(req, "limit", default=_LIMIT), _LIMIT)
        piece = self._jobs.read_log(job_id, offset=offset, limit=min(limit, UNSENT_LIMIT))
        resp.content_type = "text/plain; charset=utf-8"
        resp.set_headers(
            {
                words.LOG_OFFSET: str(piece.offset),
                words.LOG_SIZE: str(piece.size),
                words.LOG_COMPLETE: "true" if piece.complete else "false",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store, max-age=0",
            }
        )
        length = max(0, min(limit, piece.size - offset))
        if length == len(piece.data):
            resp.data = piece.data
        else:
            resp.set_stream(
                PlacedStream(
                    self._downloads,
                    caller_of(req),
                    lambda: self._jobs.iter_log(job_id, offset=piece.offset, length=length),
                ),
                length,
            )

    def _follow(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        last = _offset(req.get_header(words.LAST_EVENT_ID) or "")
        offset = self._first(req, job_id, _number(req, "offset", default=0)) if last is None else last
        is_timed = req.get_param("times") in ("1", "true")
        self._jobs.get_state(job_id)
        is_over = partial(self._authentication.is_over, principal_of(req))
        streams.follow(req, resp, self._hub, lambda: self._events(job_id, offset, is_timed=is_timed, is_over=is_over))

    def _first(self, req: falcon.Request, job_id: str, offset: int) -> int:
        """Return where to begin: at *offset*, or at the offset for `since` if that is later."""
        since = instant(req, "since")
        return max(offset, self._jobs.log_offset_since(job_id, since)) if since else offset

    def _events(self, job_id: str, offset: int, *, is_timed: bool, is_over: IsOver) -> Iterator[bytes | Awaited]:
        yield b": follow\n\n"
        try:
            for piece in self._jobs.follow_log(job_id, offset=offset, is_timed=is_timed, is_over=is_over):
                yield piece if isinstance(piece, Awaited) else _event(piece)
        except CictlError:
            return  # deleted meanwhile: the client asks again and gets 404


class JobStepsResource:
    """`/api/v1/jobs/{job_id}/steps`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs.jobs

    @api(answers={200: JobSteps, 404: "unknown"})
    def on_get(self, _req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """List the steps of an execution that have begun, with when and where in its log."""
        media.write(resp, self._jobs.steps(job_id))


class JobLogLinesResource:
    """`/api/v1/jobs/{job_id}/log/lines`"""

    def __init__(self, services: Services) -> None:
        self._lines = services.jobs.log_lines

    @api(
        answers={200: LogLines, 400: "a bad number", 404: "unknown"},
        query=[
            Parameter(name="from", is_number=True, low=1, text="The first line wanted; the first one is 1."),
            Parameter(
                name="count",
                is_number=True,
                low=1,
                high=MOST_LINES,
                default=_LINES,
                text="Lines wanted at most. There are fewer where they are long.",
            ),
            Parameter(name="offset", is_number=True, text="Instead of `from`: begin with the line that has this byte."),
        ],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Return lines of the log: from one on, or without `from` and `offset` the last ones.

        Lines end with a line feed. How long this takes does not depend on the size of the log.
        """
        first, offset = (_number(req, name, default=None) for name in ("from", "offset"))
        count = _number(req, "count", default=_LINES)
        media.write(resp, self._lines.read(job_id, count=max(1, min(count, MOST_LINES)), first=first, offset=offset))


class JobLogSearchResource:
    """`/api/v1/jobs/{job_id}/log/search`"""

    def __init__(self, services: Services) -> None:
        self._lines = services.jobs.log_lines

    @api(
        answers={200: LogHits, 400: "a bad number, or a text that is empty or too long", 404: "unknown"},
        query=[
            Parameter(
                name="q", text=f"What to look for, in whatever case: up to {LONGEST_QUERY} characters of a line."
            ),
            Parameter(name="offset", is_number=True, default=0, text="The byte to begin with."),
            Parameter(name="max", is_number=True, low=1, high=MOST_HITS, default=_HITS, text="Lines wanted at most."),
        ],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Look for a text in the log, and return the lines that have it.

        One request looks through 16 MiB at most. While there is a `next_offset`, ask again with it as `offset`.
        """
        text = req.get_param("q") or ""
        if not text or len(text) > LONGEST_QUERY or "\n" in text:
            raise InvalidRequest(f"q must be a text of 1 to {LONGEST_QUERY} characters of one line")
        offset, most = _number(req, "offset", default=0), _number(req, "max", default=_HITS)
        media.write(resp, self._lines.search(job_id, text, offset=offset, most=max(1, min(most, MOST_HITS))))


def _event(piece: LogSlice | JobState | None) -> bytes:
    if piece is None:
        return b": keepalive\n\n"
    if isinstance(piece, JobState):
        return b"event: end\ndata: " + msgspec.json.encode(piece) + b"\n\n"
    data: dict[str, object] = {"offset": piece.offset, "data_base64": base64.b64encode(piece.data).decode()}
    if piece.received is not None:
        data["received_utc"] = piece.received
    following = piece.offset + len(piece.data)
    return b"event: log\nid: %d\ndata: %s\n\n" % (following, msgspec.json.encode(data))


@overload
def _number(req: falcon.Request, name: str, *, default: int) -> int: ...
@overload
def _number(req: falcon.Request, name: str, *, default: None) -> int | None: ...
def _number(req: falcon.Request, name: str, *, default: int | None) -> int | None:
    text = req.get_param(name)
    if text is None:
        return default
    number = _offset(text)
    if number is None:
        raise InvalidRequest(f"{name} must be a number, 0 or more")
    return number


def _offset(text: str) -> int | None:
    """Return *text* as a number of bytes; None if it is not one that a log could have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
