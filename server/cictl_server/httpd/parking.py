"""Answers that are put aside while there is nothing to tell: they hold a socket and some memory, and no thread.

A waiting lease or a follower gives its thread back. What it awaits, or the time, or that its client has gone, puts its
connection into the queue of the threads again.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from cictl_server.signals.waits import ROOM, Awaited

logger = logging.getLogger(__name__)

_TOGETHER = 32
"""So many answers that go on at the same time share a thread: handing each to one of its own costs more than telling it."""

DRAIN_STEP_SECONDS = 0.02
"""How often answers look whether they can end, while the server stops."""


class Parked(Protocol):
    """A connection whose answer is put aside."""

    def service(self) -> None:
        """Go on with the answer. It neither waits nor raises."""

    def cancel(self) -> None:
        """Give it up: the server stops."""


class Lot:
    """The answers of one server that are put aside, each with the time at which it goes on at the latest."""

    def __init__(self, hand_on: Callable[[Any], None]) -> None:
        """Pass what goes on to *hand_on*, which gives it to a thread and does not wait: a connection, or several as one task."""
        self._hand_on = hand_on
        self._changed = threading.Condition()
        self._aside: dict[Parked, _Ticket] = {}
        self._due: list[tuple[float, int, _Ticket]] = []
        self._numbers = itertools.count()
        self._is_closing = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._aside)

    def park(self, parked: Parked, awaited: Awaited) -> bool:
        """Let *parked* go on once, when what is *awaited* has come. Return false, and do nothing, after `drain`."""
        now = time.monotonic()
        ticket = _Ticket(parked, earliest=now + awaited.least)
        with self._changed:
            if self._is_closed:
                return False
            self._begin()
            self._aside[parked] = ticket
            self._plan(ticket, at=now + (DRAIN_STEP_SECONDS if self._is_closing else awaited.seconds))
        if awaited.watch is not None:
            awaited.watch.tell(partial(self._news, ticket))
        return True

    def wake(self, parked: Parked) -> None:
        """Let *parked* go on now, if it is put aside."""
        ticket = self._aside.get(parked)
        if ticket is not None:
            self._send_on([ticket])

    def drain(self, seconds: float) -> None:
        """Let everything go on, again and again, until nothing is put aside; for so long at most. Then put nothing aside any more.

        What was put aside is then in the queue of the threads, or one of them has it.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._is_closing = True
            for ticket in self._aside.values():
                self._plan(ticket, at=0)
            self._changed.wait_for(lambda: not self._aside, timeout=max(0.0, deadline - time.monotonic()))
            self._is_closed = True
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        """Begin to keep time, with the first answer that is put aside. Under the lock."""
        if self._thread is None and not self._is_closing:
            self._thread = threading.Thread(target=self._keep_time, name="parking", daemon=True)
            self._thread.start()

    def _news(self, ticket: _Ticket) -> None:
        """Let it go on because what it awaits has come: now, or when it is its time."""
        if ticket.earliest <= time.monotonic():
            self._send_on([ticket])
            return
        with self._changed:
            self._plan(ticket, at=ticket.earliest)

    def _send_on(self, tickets: list[_Ticket]) -> None:
        """Let those go on that are still put aside: whoever comes first does it, of time, news and the client's end.

        They leave the lot and enter the queue under one lock, so that `drain` finds each in one of the two.
        """
        with self._changed:
            ready = []
            for ticket in tickets:  # one may be there twice: because of news, and of the time
                if (parked := ticket.parked) is not None and self._aside.get(parked) is ticket:
                    del self._aside[parked]
                    ready.append(parked)
                    ticket.parked = None
            for first in range(0, len(ready), _TOGETHER):
                together = ready[first : first + _TOGETHER]
                self._hand_on(together[0] if len(together) == 1 else _Group(together))
            if ready and not self._aside:
                self._changed.notify_all()

    def _plan(self, ticket: _Ticket, *, at: float) -> None:
        """Let it go on at that time at the latest. Under the lock."""
        if ticket.parked is None or at == float("inf"):
            return
        heapq.heappush(self._due, (at, next(self._numbers), ticket))
        if self._due[0][2] is ticket:
            self._changed.notify_all()

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    if self._thread is not threading.current_thread():
                        return
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                now, due = time.monotonic(), []
                while self._due and self._due[0][0] <= now:
                    due.append(heapq.heappop(self._due)[2])
            self._send_on(due)


class _Ticket:
    """That one answer was put aside once.

    Tickets are kept until their time comes. One whose answer has gone on forgets it, so that it does not keep a connection that is closed.
    """

    __slots__ = ("earliest", "parked")

    def __init__(self, parked: Parked, *, earliest: float) -> None:
        self.parked: Parked | None = parked
        self.earliest = earliest


class _Group:
    """Several answers that go on in one thread, one after the other."""

    def __init__(self, members: list[Parked]) -> None:
        self._members = members

    def service(self) -> None:
        for member in self._members:
            try:
                member.service()
            except Exception:  # the others go on
                logger.exception("an answer did not go on")

    def cancel(self) -> None:
        for member in self._members:
            member.cancel()


def awaits_room(awaited: Awaited) -> bool:
    return awaited is ROOM
