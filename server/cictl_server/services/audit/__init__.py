"""Who did what: the records, their chain, and how they are found again."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cictl_server.services.audit.names import Names
from cictl_server.services.audit.refusals import RefusalBudget
from cictl_server.services.audit.search import SearchService
from cictl_server.services.audit.trail import Trail
from cictl_server.services.core import Core

DEFAULT_KEPT = timedelta(days=400)


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    trail: Trail
    search: SearchService
    names: Names

    @classmethod
    def build(cls, core: Core, *, kept: timedelta) -> Audit:
        """Write down what changes the store from now on.

        Args:
            kept: How long records are kept; 0 for ever.
        """
        trail = Trail(store=core.store, clock=core.clock, hub=core.hub, budget=RefusalBudget(), kept=kept)
        trail.attach()
        return cls(trail=trail, search=SearchService(store=core.store, hub=core.hub), names=Names(store=core.store))
