"""The contract of the signals: what servers on the same data tell each other.

The docstrings here are the specification; `tests/signals/` runs one suite against every implementation.

    Signals
    ├── Wakes        something changed: look at it
    ├── Feed         the latest events, with the same numbers at every server
    ├── Board        small states by key: presence of agents, their orders, their roll-out
    ├── Members      which servers there are
    └── Leadership   which of them does the background work

What is here may be lost: a notification, an event, the presence of an agent. Each docstring says what follows then. What must not
be lost is in the store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

import msgspec

from cictl.base.clock import Clock
from cictl.wire.events import EventKind
from cictl_server.signals.waits import Watch

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

BACKGROUND = "background"
"""The duty of the leader: to expire leases, give up lost agents, apply retention."""


class Wakes(ABC):
    """Wakes waiters when something changed, at whichever server it changed.

    A wake may come without a change, and one from another server may be lost. So a waiter looks at the state whenever it
    is woken, and the implementation wakes all of them every few seconds.
    """

    @abstractmethod
    def publish(self, topic: str) -> None:
        """Wake the waiters of *topic*: at this server at once, at others soon.

        Call it after the commit of what changed, never in a transaction. It neither waits nor raises.
        """

    @abstractmethod
    def watch(self, topic: str, *, only_told: bool = False) -> AbstractContextManager[Watch]:
        """Yield an event that each `publish` of *topic* sets. Whoever waits for it clears it, looks, and only then waits.

        Args:
            only_told: `wake_all` does not set it: for thousands whose looks would cost more than what one of them may miss.
        """

    @abstractmethod
    def is_watched(self, topic: str) -> bool:
        """Tell whether anybody at this server watches *topic*."""

    @abstractmethod
    def wake_all(self) -> None:
        """Wake every waiter at this server, but for those that watch with `only_told`."""


class Happening(msgspec.Struct, frozen=True):
    """One event: its number, its kind, and the id of what changed."""

    number: int
    kind: EventKind
    subject: str


class Feed(ABC):
    """The latest events in one order, the same at every server. At least 4,096 are known.

    Numbers ascend, also over restarts of servers and losses of what they had; they need not be consecutive.
    """

    @abstractmethod
    def add(self, kind: EventKind, subject: str) -> None:
        """Add an event after the commit of what changed. It neither waits nor raises."""

    @abstractmethod
    def last_number(self) -> int:
        """Return the number of the newest event; if there is none, one above all that ever were."""

    @abstractmethod
    def after(self, number: int) -> list[Happening] | None:
        """Return the events with higher numbers, ascending; None if some of them are forgotten, or *number* never was."""


class Board(ABC, Generic[T]):
    """Small states by key, which all servers read and change.

    A state is a frozen struct, so it may be kept. A change is a function from the present state, None where there is none, to
    the new one, None to remove it. It may run again on another state, so it does nothing else.
    """

    @abstractmethod
    def find(self, key: str) -> T | None:
        """Return the state, without waiting. What another server changed is seen within about two seconds."""

    @abstractmethod
    def fetch(self, key: str) -> T | None:
        """Return the state as `find` does, but find those too that another server has only just made.

        Raises:
            StoreError: What keeps the board can't be asked.
        """

    @abstractmethod
    def states(self) -> Mapping[str, T]:
        """Return all states as `find` does."""

    @abstractmethod
    def change(self, key: str, change: Callable[[T | None], tuple[T | None, R]]) -> R:
        """Replace the state at once, and return what *change* returns beside the new one.

        Changes of one key come one after the other, whichever servers make them. Never call it in a transaction of the store.

        Raises:
            StoreError: What keeps the board can't be reached; nothing was changed then.
        """

    @abstractmethod
    def gather(self, key: str, change: Callable[[T | None], T | None], *, replaces: str = "") -> None:
        """Replace the state at this server now, and at others within about two seconds. It neither waits nor raises.

        A steady stream of such changes costs next to nothing. They are lost when the server dies within a second. A change
        that does more than to note a time is passed on at once.

        Args:
            replaces: Of the changes with the same word that were not passed on, only the last counts: it makes those
                before it needless. Such changes only note that time has passed, so they can wait.
        """

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove the state, if there is one; otherwise as `change`."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One server.

    Attributes:
        instance_id: Changes at each start.
        name: The host that it runs on.
        seen: Its last sign of life.
        leads: The duties that it has, such as `BACKGROUND`.
    """

    instance_id: str
    name: str
    version: str
    started: datetime
    seen: datetime
    leads: tuple[str, ...] = ()


class Members(ABC):
    """The servers on the same data."""

    @property
    @abstractmethod
    def own(self) -> Member:
        """This server."""

    @property
    @abstractmethod
    def number(self) -> int | None:
        """A number from 0 to 999 that no other living server has; it may change when this server was cut off. None for a server
        that is always alone.
        """

    @abstractmethod
    def all(self) -> list[Member]:
        """Return the servers by start. One that died is listed for another minute; one that ended is not."""

    @abstractmethod
    def is_alive(self, instance_id: str) -> bool:
        """Tell whether a server with this id gave a sign of life within the last 15 seconds, be it its first one just now.

        Raises:
            StoreAway: The database does not answer, and would have to be asked.
        """


class Leadership(ABC):
    """Which server does the background work.

    At most one has it, but for one case: a server that was stopped for long, and goes on where it was, may make one more
    step. So what a leader does must be right even if two do it: it looks and changes in one transaction.
    """

    @property
    @abstractmethod
    def is_ours(self) -> bool:
        """Whether this server leads. Another one does within 20 seconds after the leader was lost, and at once after it ended."""


class SignalFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How well the signals work.

    Attributes:
        lag_seconds: How long the last notification took; None if none arrives, so that waiters only poll.
        alive: Servers with a sign of life.
    """

    lag_seconds: float | None
    alive: int


class Signals(ABC):
    """All of it, for one server."""

    is_shared: ClassVar[bool]
    """Whether other servers may work on the same data, now or later."""

    clock: Clock
    """The time that all servers share: at most a few milliseconds apart. Everything that two of them compare is told by it."""

    wakes: Wakes
    feed: Feed
    members: Members
    leadership: Leadership

    @abstractmethod
    def board(self, name: str, type_: type[T], *, is_lasting: bool) -> Board[T]:
        """Return the board of this name; ask once for each.

        Args:
            is_lasting: Whether its states outlive a crash of what keeps them, at the price of a flush to disk for each change.
        """

    @property
    @abstractmethod
    def listening_since(self) -> datetime:
        """Since when agents could make themselves heard without a break. Silence counts from here at the earliest."""

    @abstractmethod
    def figures(self) -> SignalFigures: ...

    @abstractmethod
    def close(self) -> None:
        """Pass on what was gathered, give up the leadership, and be no member any more. Closing twice is fine."""
