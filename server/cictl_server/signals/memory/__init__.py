"""The signals of a server that is alone: everything is in its memory, and a heartbeat costs no write."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from cictl.base.clock import Clock
from cictl_server.signals.contract import BACKGROUND, Board, Leadership, Member, Members, SignalFigures, Signals
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory.board import MemoryBoard
from cictl_server.signals.memory.feed import MemoryFeed
from cictl_server.signals.watches import LocalWakes

T = TypeVar("T", bound=msgspec.Struct)


class MemorySignals(Signals):
    is_shared = False

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self.clock = clock
        self.wakes = LocalWakes()
        self.feed = MemoryFeed(self.wakes, clock)
        self.members = _Alone(clock, identity)
        self.leadership = _AlwaysOurs()
        self._started = clock()

    def board(self, name: str, type_: type[T], *, is_lasting: bool) -> Board[T]:
        return MemoryBoard[T]()

    @property
    def listening_since(self) -> datetime:
        return self._started

    def figures(self) -> SignalFigures:
        return SignalFigures(lag_seconds=0.0, alive=1)

    def close(self) -> None:
        self.wakes.wake_all()


class _Alone(Members):
    """The one server."""

    number = None

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self._clock = clock
        self._identity = identity
        self._started = clock()

    @property
    def own(self) -> Member:
        return self._identity.member(started=self._started, seen=self._clock(), leads=(BACKGROUND,))

    def all(self) -> list[Member]:
        return [self.own]

    def is_alive(self, instance_id: str) -> bool:
        return instance_id == self._identity.instance_id


class _AlwaysOurs(Leadership):
    is_ours = True
