"""One-shot orders for agents. The answers to heartbeats carry them, and each is kept until it has arrived.

An order that was handed out is in flight until the agent's next heartbeat shows whether the answer arrived:

- An agent that acknowledges (its heartbeats carry `orders_received`) gets the same orders in every answer until it names
  the `orders_id` of one. So no order is lost, and none that arrived is repeated.
- For an agent that does not acknowledge, an answer counts as arrived when the next heartbeat comes within two intervals.
  A longer silence means that the agent or the connection broke down, and the orders are handed out again. A restart needs
  better proof; without any it is handed out three times in all.
- A heartbeat with a restart status proves that a restart arrived, whatever else it says. It is either the greeting of the
  new process, which cannot know what the old one received, or the news that the restart waits for a job.

An agent carries out a restart before all other orders and forgets those. So a restart is held back until everything else
has arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from cictl.base.clock import Clock
from cictl.wire.agents import Action, Order
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.fleet.presence import HEARTBEAT_INTERVAL
from cictl_server.signals.contract import Board, Signals

ARRIVAL_LIMIT: timedelta = 2 * HEARTBEAT_INTERVAL
RESTART_ATTEMPTS = 3


class Handout(msgspec.Struct, frozen=True, kw_only=True):
    """The orders in one answer, and the id by which the agent acknowledges them; both are empty when there are none."""

    orders: tuple[Order, ...] = ()
    id: str = ""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of one agent that have not arrived, each named by its action.

    Attributes:
        waiting: How often each of them was handed out.
        flying: Those in the last answer that carried some; `flight_id` is the id of that.
        departed: When that answer was given; None once a heartbeat has come since.
    """

    waiting: Mapping[Action, int] = msgspec.field(default_factory=dict)
    flying: tuple[Action, ...] = ()
    flight_id: str = ""
    departed: datetime | None = None


class _Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What a heartbeat tells about the orders in flight."""

    received: str | None
    has_restart_status: bool
    now: datetime

    def of(self, action: Action, orders: Orders) -> bool:
        """Tell whether the order of *action*, which is in flight, has arrived."""
        if action is Action.RESTART and self.has_restart_status:
            return True
        if self.received is not None:
            return self.received == orders.flight_id
        if action is Action.RESTART:
            return orders.waiting.get(action, 0) >= RESTART_ATTEMPTS
        assert orders.departed is not None
        return self.now - orders.departed <= ARRIVAL_LIMIT


class OrderBook:
    """The orders of all agents. With one server they are in memory only: a restart forgets them.

    With several, any of them takes an order, hands it out, and sees that it arrived. An order reaches the others within about
    two seconds, so an agent may get it with the heartbeat after its next one.
    """

    def __init__(self, signals: Signals, numbers: NumberSource) -> None:
        self._clock: Clock = signals.clock
        self._numbers = numbers
        self._board: Board[Orders] = signals.board("orders", Orders, is_lasting=True)

    def give(self, agent_id: str, order: Order) -> None:
        """Hand *order* out with the next heartbeat. Given twice before it arrived, it is still one order.

        Raises:
            StoreError: It could not be noted.
        """

        def change(old: Orders | None) -> tuple[Orders, None]:
            known = old or Orders()
            flying = tuple(action for action in known.flying if action is not order.action)
            return msgspec.structs.replace(known, waiting={**known.waiting, order.action: 0}, flying=flying), None

        self._board.change(agent_id, change)

    def forget(self, agent_id: str) -> None:
        """Drop the orders of an agent that was removed."""
        self._board.remove(agent_id)

    def confirm(self, agent_id: str, *, received: str | None, has_restart_status: bool) -> None:
        """Conclude from a heartbeat which of the orders in flight arrived.

        Args:
            received: The last `orders_id` that the agent got; None from an agent that does not acknowledge.
        """
        if self._board.find(agent_id) is None:
            return  # which is so at nearly every heartbeat
        arrival = _Arrival(received=received, has_restart_status=has_restart_status, now=self._clock())
        self._board.change(agent_id, lambda old: (_without_arrived(old, arrival), None))

    def hand_out(self, agent_id: str) -> Handout:
        """Return what the answer to the present heartbeat must carry."""
        if self._board.find(agent_id) is None:
            return Handout()
        handout_id, now = f"orders-{self._numbers.next()}", self._clock()

        def change(old: Orders | None) -> tuple[Orders | None, Handout]:
            if old is None:
                return None, Handout()
            waiting = tuple(order for order in Order if order.action in old.waiting)
            orders = tuple(order for order in waiting if order is not Order.RESTART) or waiting
            flying = tuple(order.action for order in orders)
            counts = {action: count + (action in flying) for action, count in old.waiting.items()}
            new = Orders(waiting=counts, flying=flying, flight_id=handout_id, departed=now)
            return new, Handout(orders=orders, id=handout_id)

        return self._board.change(agent_id, change)


def _without_arrived(old: Orders | None, arrival: _Arrival) -> Orders | None:
    """Return what still waits after a heartbeat; None for nothing."""
    if old is None or old.departed is None:
        return old
    arrived = {action for action in old.flying if arrival.of(action, old)}
    waiting = {action: count for action, count in old.waiting.items() if action not in arrived}
    return Orders(waiting=waiting) if waiting else None
