"""Open streams. Each takes a waiting place, and gives it back however it ends.

Where the server has a `Parking`, one that awaits something holds no thread meanwhile; elsewhere its thread waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import falcon

from cictl.wire.words import EVENT_STREAM
from cictl_server.http.access.authentication import caller_of
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.limits.places import Places
from cictl_server.signals.waits import PARKING, ROOM, Awaited, Parking

UNSENT_LIMIT = 1 << 18
"""How many bytes of an answer are buffered for a slow client before the thread waits. A longer one takes a place."""


def follow(
    req: falcon.Request, resp: falcon.Response, hub: Hub, events: Callable[[], Iterator[bytes | Awaited]]
) -> None:
    """Answer with *events*, which are encoded server-sent events and what they await, until they end.

    Raises:
        NoCapacity: All places for waiting requests are taken, or the caller has as many as one may have.
    """
    resp.stream = PlacedStream(hub, caller_of(req), events, parking=req.env.get(PARKING))
    resp.content_type = EVENT_STREAM
    resp.set_headers({"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


class ParkedAnswer:
    """An answer that can be put aside, and gone on with by iterating over it once more.

    A server closes an answer when an iteration ends. While this one is put aside, that does nothing.
    """

    def __init__(self, parking: Parking | None) -> None:
        self._parking = parking
        self._is_aside = False
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        self._is_aside = False
        return self

    def __next__(self) -> bytes:
        raise NotImplementedError

    def await_(self, awaited: Awaited) -> None:
        """Put the answer aside until what is *awaited* has come; without a parking, wait for it in this thread.

        Raises:
            StopIteration: It was put aside.
        """
        if self._parking is None:
            awaited.block()
            return
        self._is_aside = True
        self._parking.park(self, awaited)
        raise StopIteration

    def close(self) -> None:
        if self._is_open and not self._is_aside:
            self._is_open = False
            self.end()

    def end(self) -> None:
        """Give back what the answer holds."""
        raise NotImplementedError


class PlacedStream(ParkedAnswer):
    """The blocks of a stream that holds one of *places* from the moment it is made.

    The server calls `close` when the answer is over or the client has gone, even if it never read a block. A plain
    generator would not do: one that was never begun runs no `finally`, and the place would be lost.
    """

    def __init__(
        self,
        places: Places,
        caller: str,
        blocks: Callable[[], Iterator[bytes | Awaited]],
        *,
        parking: Parking | None = None,
    ) -> None:
        """Take a place for *caller*. *blocks* is called when the first block is needed.

        Args:
            parking: Where the stream is put aside; without one, a thread is held until it ends.

        Raises:
            NoCapacity: All places are taken, or the caller has as many as one may have.
        """
        super().__init__(parking)
        places.take_place(caller)
        self._places = places
        self._caller = caller
        self._blocks = blocks
        self._begun: Iterator[bytes | Awaited] | None = None

    def __next__(self) -> bytes:
        if self._begun is None:
            self._begun = iter(self._blocks())
        if self._parking is not None and not self._parking.has_room():
            self.await_(ROOM)
        while True:
            block = next(self._begun)
            if not isinstance(block, Awaited):
                return block
            self.await_(block)

    def end(self) -> None:
        close = getattr(self._begun, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._places.leave_place(self._caller)
