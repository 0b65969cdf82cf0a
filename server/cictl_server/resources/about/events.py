"""Changes on the server, as server-sent events."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial

import falcon
import msgspec

from cictl.wire import words
from cictl.wire.events import AgentChanged, EventKind, JobChanged, ProjectChanged
from cictl_server.apidoc.describe import Content, api
from cictl_server.errors import CictlError
from cictl_server.http import streams
from cictl_server.http.access.authentication import principal_of
from cictl_server.http.parameters import Parameter, nearest
from cictl_server.services import Services
from cictl_server.services.access.principal import Principal
from cictl_server.services.core.events import GATHER_SECONDS
from cictl_server.signals.contract import Happening
from cictl_server.signals.waits import Awaited

_TEXT = (
    "Events `job` (JobChanged), `agent` (AgentChanged), `project` (ProjectChanged) and `reset`: "
    "some were missed, look at everything anew."
)


_GATHER = Parameter(
    name="gather",
    is_number=True,
    high=1000,
    default=round(GATHER_SECONDS * 1000),
    text="Events that come within so many milliseconds after others are told together.",
)


class EventsResource:
    """`/api/v1/events`"""

    def __init__(self, services: Services) -> None:
        self._events = services.core.events
        self._jobs = services.jobs.jobs
        self._hub = services.core.hub
        self._authentication = services.access.authentication
        self._reach = services.access.reach
        self._told = _Told()

    @api(
        answers={
            200: Content(media=(words.EVENT_STREAM,), text=_TEXT),
            503: "all places for waiting requests are taken",
        },
        query=[_GATHER],
        headers=[Parameter(name=words.LAST_EVENT_ID, text="Go on after this event.")],
        costs_work=True,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Follow the changes of executions, agents and repositories. A comment comes every 15 s."""
        last = req.get_header(words.LAST_EVENT_ID) or ""
        is_number = last.isascii() and last.isdigit() and len(last) <= 20
        after = int(last) if is_number else self._events.last_number()
        principal, gather = principal_of(req), nearest(req, _GATHER) / 1000
        streams.follow(req, resp, self._hub, lambda: self._encoded(after, principal, gather_seconds=gather))

    def _encoded(self, after: int, principal: Principal, *, gather_seconds: float) -> Iterator[bytes | Awaited]:
        yield b": events\n\n"
        is_over = partial(self._authentication.is_over, principal)
        for events in self._events.follow(after=after, is_over=is_over, gather_seconds=gather_seconds):
            if events is None:
                yield b": keepalive\n\n"
            elif isinstance(events, Awaited):
                yield events
            else:
                yield self._block(events, principal)

    def _block(self, events: list[Happening], principal: Principal) -> bytes:
        """Return the last of each subject's *events* as they are sent. Those who see everything are told the same."""
        if principal.projects or principal.job:
            return self._put_together(events, principal)
        return self._told.block(events, lambda: self._put_together(events, principal))

    def _put_together(self, events: list[Happening], principal: Principal) -> bytes:
        return b"".join(self._event(event) for event in _latest(events) if self._is_shown(event, principal))

    def _is_shown(self, event: Happening, principal: Principal) -> bool:
        if event.kind is EventKind.JOB:
            return self._reach.reaches_job(principal, event.subject)
        if event.kind is EventKind.PROJECT:
            return self._reach.reaches_project(principal, int(event.subject))
        return event.kind is not EventKind.AGENT or principal.job is None

    def _event(self, event: Happening) -> bytes:
        """Return the event as it is sent. It is encoded once for all who follow."""
        return self._told.get(event.number, lambda: self._encode(event))

    def _encode(self, event: Happening) -> bytes:
        return b"event: %s\nid: %d\ndata: %s\n\n" % (event.kind.encode(), event.number, self._data(event))

    def _data(self, event: Happening) -> bytes:
        """Return the subject as it is now. An event says that something changed, not what it changed to."""
        if event.kind is EventKind.AGENT:
            return msgspec.json.encode(AgentChanged(agent_id=event.subject))
        if event.kind is EventKind.PROJECT:
            return msgspec.json.encode(ProjectChanged(project_id=int(event.subject)))
        if event.kind is not EventKind.JOB:
            return b"{}"
        try:
            return msgspec.json.encode(JobChanged(id=event.subject, state=self._jobs.get_state(event.subject)))
        except CictlError:
            return msgspec.json.encode(JobChanged(id=event.subject))


_KEPT = 1024
"""How many encoded events are kept: more than come between two looks of a follower that keeps up."""


class _Told:
    """The events that were encoded last, by number, and the last list of them that was put together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._last: tuple[list[Happening], bytes] = ([], b"")

    def block(self, events: list[Happening], put_together: Callable[[], bytes]) -> bytes:
        """Return what is sent of *events*, a list that followers share, which *put_together* makes unless it was the last one."""
        known, block = self._last
        if known is not events:
            block = put_together()
            self._last = events, block
        return block

    def get(self, number: int, encode: Callable[[], bytes]) -> bytes:
        """Return the event with this number, which *encode* encodes unless it was before."""
        with self._lock:
            if number not in self._blocks:
                self._blocks[number] = encode()
                if len(self._blocks) > _KEPT:
                    self._blocks.popitem(last=False)
            return self._blocks[number]


def _latest(events: list[Happening]) -> list[Happening]:
    """Return of each subject's *events* the last one: it tells how the subject is now, so those before it tell nothing more."""
    if len(events) == 1:
        return events
    last = {(event.kind, event.subject): event for event in events}
    return sorted(last.values(), key=lambda event: event.number)
