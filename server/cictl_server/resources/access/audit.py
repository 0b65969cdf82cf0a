"""The audit: its records in parts, and as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import falcon
import msgspec

from cictl.wire import words
from cictl.wire.audit.records import AuditFilter, AuditPage
from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import InvalidRequest
from cictl_server.http import media, streams
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter, instant, nearest
from cictl_server.services import Services
from cictl_server.services.audit.search import MOST
from cictl_server.services.core.hub import IsOver
from cictl_server.signals.waits import Awaited

_LIMIT = Parameter(name="limit", is_number=True, low=1, high=MOST, default=100, text="Records of one part at most.")
_RECORDS = Content(
    media=("application/json", words.EVENT_STREAM),
    message=AuditPage,
    text="AuditPage; with `follow` events, each with an AuditRecord.",
)


class AuditResource:
    """`/api/v1/audit`"""

    def __init__(self, services: Services) -> None:
        self._search = services.audit.search
        self._hub = services.core.hub
        self._authentication = services.access.authentication

    @api(
        answers={200: _RECORDS, 400: "a bad `cursor` or `since`", 503: "all places for waiting requests are taken"},
        query=[
            Parameter(name="actor", text="The id or the name of who did it, or a kind of actor."),
            Parameter(name="action", text="An action, such as `job.cancelled`, or its noun, such as `job`."),
            Parameter(name="target", text="The id or the name of what it was done to."),
            Parameter(name="since", text="An RFC 3339 instant: nothing earlier."),
            Parameter(name="cursor", text="Go on with this `next_cursor` of the part before."),
            _LIMIT,
            Parameter(name="order", choices=("oldest",), text="The oldest records first; else the newest."),
            Parameter(name="follow", choices=("1", "true"), text="Stream the records after the cursor, and new ones."),
        ],
        headers=[Parameter(name=words.LAST_EVENT_ID, text="With `follow`, wins over `cursor`.")],
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List what was done, and by whom, the newest first; or follow it.

        A part may be empty although there are more: while there is a `next_cursor`, go on with it. With `follow=1` the
        answer is a `text/event-stream`: events `record` with an AuditRecord as data and its id as their id, those after
        `cursor` or, without one, from now on.
        """
        wanted = AuditFilter(
            actor=req.get_param("actor") or "",
            action=req.get_param("action") or "",
            target=req.get_param("target") or "",
            since=instant(req, "since"),
        )
        cursor = _number(req.get_param("cursor") or "", name="cursor")
        if req.get_param("follow") in ("1", "true"):
            self._follow(req, resp, wanted, cursor)
            return
        page = self._search.list_records(
            wanted, limit=nearest(req, _LIMIT), cursor=cursor, is_oldest_first=req.get_param("order") == "oldest"
        )
        media.write(resp, page)

    def _follow(self, req: falcon.Request, resp: falcon.Response, wanted: AuditFilter, cursor: int | None) -> None:
        last = _number(req.get_header(words.LAST_EVENT_ID) or "", name=words.LAST_EVENT_ID)
        after = next((number for number in (last, cursor) if number is not None), None)
        begin = self._search.last_id() if after is None else after
        is_over = partial(self._authentication.is_over, principal_of(req))
        streams.follow(req, resp, self._hub, lambda: self._events(wanted, begin, is_over=is_over))

    def _events(self, wanted: AuditFilter, after: int, *, is_over: IsOver) -> Iterator[bytes | Awaited]:
        yield b": audit\n\n"
        for record in self._search.follow(wanted, after=after, is_over=is_over):
            if isinstance(record, Awaited):
                yield record
            elif record is None:
                yield b": keepalive\n\n"
            else:
                yield b"event: record\nid: %d\ndata: %s\n\n" % (record.id, msgspec.json.encode(record))


def _number(text: str, *, name: str) -> int | None:
    """Return *text* as the id of a record; None if it is empty.

    Raises:
        InvalidRequest: It is no such number.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise InvalidRequest(f"{name} must be the id of a record")
