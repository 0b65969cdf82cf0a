"""What a request waits for, said so that whoever answers it may keep a thread waiting, or none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, Protocol, TypeVar

import msgspec

T = TypeVar("T")

PARKING = "cictl.parking"
"""Where the application finds the `Parking` of a request, if its server has one."""


class Watch(threading.Event):
    """An event that can also call its one waiter, who then needs no thread to wait in.

    Setting it while it is set costs next to nothing, so a busy topic is cheap however many watch it.
    """

    def __init__(self, *, only_told: bool = False) -> None:
        """Make one; *only_told* as `Wakes.watch` has it."""
        super().__init__()
        self.only_told = only_told
        self._call: Callable[[], None] | None = None

    def set(self) -> None:
        if not self.is_set():
            super().set()
        self._pass_on()

    def tell(self, call: Callable[[], None]) -> None:
        """Call *call* once, as soon as the event is set; at once if it is. An earlier *call* is forgotten.

        *call* runs in whichever thread sets the event, so it must neither wait nor raise. It may run twice.
        """
        self._call = call
        if self.is_set():
            self._pass_on()

    def _pass_on(self) -> None:
        call = self._call
        if call is not None:
            self._call = None
            call()


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """What comes instead of a part of an answer while there is none.

    Attributes:
        watch: Is set when it is time to go on; None if only time tells.
        seconds: After so long it is time in any case.
        least: It is not time before so many seconds, even if the watch is set. So news that come close together are told together.
    """

    watch: Watch | None
    seconds: float
    least: float = 0.0

    def block(self) -> None:
        """Wait in this thread."""
        begun = time.monotonic()
        if self.watch is None:
            time.sleep(self.seconds)
            return
        self.watch.wait(self.seconds)
        if (left := self.least - (time.monotonic() - begun)) > 0:
            time.sleep(left)


class Parking(Protocol):
    """What a server offers that can put an answer aside and go on with it later, in any of its threads."""

    def park(self, answer: Any, awaited: Awaited) -> None:
        """Iterate over *answer* once more when what is *awaited* has come. The iteration must end now."""

    def has_room(self) -> bool:
        """Tell whether the client has taken so much that more can be queued for it without a wait."""


ROOM = Awaited(watch=None, seconds=float("inf"))
"""Awaits that the client takes what is queued for it. Only a `Parking` knows when."""


def blocking(parts: Generator[T | Awaited, None, None]) -> Iterator[T]:
    """Yield *parts*, and wait in this thread for what they await."""
    with closing(parts):
        for part in parts:
            if isinstance(part, Awaited):
                part.block()
            else:
                yield part
