"""The agents as the server knows them: which are there, what they offer, what they were ordered to do."""

from __future__ import annotations

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.fleet.limits import FleetLimits
from cictl_server.services.fleet.matching import Matching
from cictl_server.services.fleet.orders import OrderBook
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.processes import ProcessGuard
from cictl_server.services.fleet.rollout import Rollout
from cictl_server.services.fleet.wanted_tools import WantedTools


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    presence: PresenceBook
    processes: ProcessGuard
    matching: Matching
    orders: OrderBook
    rollout: Rollout
    wanted_tools: WantedTools
    limits: FleetLimits

    @classmethod
    def build(cls, core: Core, *, limits: FleetLimits) -> Fleet:
        with core.store.read() as view:
            known = {agent.agent_id: agent.seen for agent in view.agents.iter_all()}
        presence = PresenceBook(core.signals, known)
        return cls(
            presence=presence,
            processes=ProcessGuard(presence=presence),
            matching=Matching(store=core.store, presence=presence),
            orders=OrderBook(core.signals, core.ids),
            rollout=Rollout(core.signals),
            wanted_tools=WantedTools(),
            limits=limits,
        )
