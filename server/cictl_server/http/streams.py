"""Open streams. Each holds a thread, so each takes a waiting place, and gives it back however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import falcon

from cictl.wire.words import EVENT_STREAM
from cictl_server.http.authentication import caller_of
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.places import Places

UNSENT_LIMIT = 1 << 18
"""How many bytes of an answer are buffered for a slow client before the thread waits. A longer one takes a place."""


def follow(req: falcon.Request, resp: falcon.Response, hub: Hub, events: Callable[[], Iterator[bytes]]) -> None:
    """Answer with *events*, which are encoded server-sent events, until they end.

    Raises:
        NoCapacity: All places for waiting requests are taken, or the caller has as many as one may have.
    """
    resp.stream = PlacedStream(hub, caller_of(req), events)
    resp.content_type = EVENT_STREAM
    resp.set_headers({"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


class PlacedStream:
    """The blocks of a stream that holds one of *places* from the moment it is made.

    The server calls `close` when the answer is over or the client has gone, even if it never read a block. A plain
    generator would not do: one that was never begun runs no `finally`, and the place would be lost.
    """

    def __init__(self, places: Places, caller: str, blocks: Callable[[], Iterator[bytes]]) -> None:
        """Take a place for *caller*. *blocks* is called when the first block is needed.

        Raises:
            NoCapacity: All places are taken, or the caller has as many as one may have.
        """
        places.take_place(caller)
        self._places = places
        self._caller = caller
        self._blocks = blocks
        self._begun: Iterator[bytes] | None = None
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        self._begun = self._blocks()
        return self._begun

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        close = getattr(self._begun, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._places.leave_place(self._caller)
