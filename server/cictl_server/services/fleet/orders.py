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

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cictl.base.clock import Clock
from cictl.wire.agents import Order
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.fleet.presence import HEARTBEAT_INTERVAL

ARRIVAL_LIMIT: timedelta = 2 * HEARTBEAT_INTERVAL
RESTART_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Handout:
    """The orders in one answer, and the id by which the agent acknowledges them; both are empty when there are none."""

    orders: tuple[Order, ...] = ()
    id: str = ""


@dataclass
class _Agent:
    """The orders of one agent that have not arrived.

    Attributes:
        waiting: How often each of them was handed out.
        flight: The last answer that carried some.
        departed: When that answer was given; None once a heartbeat has come since.
    """

    waiting: dict[Order, int] = field(default_factory=dict)
    flight: Handout = field(default_factory=Handout)
    departed: datetime | None = None


class OrderBook:
    """The orders of all agents, in memory only: a restart of the server forgets them."""

    def __init__(self, clock: Clock, numbers: NumberSource) -> None:
        self._clock = clock
        self._numbers = numbers
        self._agents: dict[str, _Agent] = {}
        self._lock = threading.Lock()

    def give(self, agent_id: str, order: Order) -> None:
        """Hand *order* out with the next heartbeat. Given twice before it arrived, it is still one order."""
        with self._lock:
            agent = self._agents.setdefault(agent_id, _Agent())
            agent.waiting[order] = 0
            remaining = tuple(o for o in agent.flight.orders if o is not order)
            agent.flight = Handout(orders=remaining, id=agent.flight.id)

    def forget(self, agent_id: str) -> None:
        """Drop the orders of an agent that was removed."""
        with self._lock:
            self._agents.pop(agent_id, None)

    def confirm(self, agent_id: str, *, received: str | None, has_restart_status: bool) -> None:
        """Conclude from a heartbeat which of the orders in flight arrived.

        Args:
            received: The last `orders_id` that the agent got; None from an agent that does not acknowledge.
        """
        with self._lock:
            agent = self._agents.get(agent_id)
            if agent is None or agent.departed is None:
                return
            for order in agent.flight.orders:
                if self._arrived(agent, order, received=received, has_restart_status=has_restart_status):
                    agent.waiting.pop(order, None)
            agent.flight, agent.departed = Handout(), None
            if not agent.waiting:
                del self._agents[agent_id]

    def hand_out(self, agent_id: str) -> Handout:
        """Return what the answer to the present heartbeat must carry."""
        with self._lock:
            agent = self._agents.get(agent_id)
            if agent is None:
                return Handout()
            waiting = tuple(order for order in Order if order in agent.waiting)
            orders = tuple(order for order in waiting if order is not Order.RESTART) or waiting
            for order in orders:
                agent.waiting[order] += 1
            agent.flight = Handout(orders=orders, id=f"orders-{self._numbers.next()}")
            agent.departed = self._clock()
            return agent.flight

    def _arrived(self, agent: _Agent, order: Order, *, received: str | None, has_restart_status: bool) -> bool:
        if order is Order.RESTART and has_restart_status:
            return True
        if received is not None:
            return received == agent.flight.id
        if order is Order.RESTART:
            return agent.waiting[order] >= RESTART_ATTEMPTS
        assert agent.departed is not None
        return self._clock() - agent.departed <= ARRIVAL_LIMIT
