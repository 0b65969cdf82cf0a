"""Forges: where commits show how their runs stand. What they have to be told is written by `history.forge_statuses`."""

from __future__ import annotations

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.core.clock_watch import Steady
from cictl_server.services.forges.delivering import StatusDeliverer
from cictl_server.services.forges.forges import ForgeService
from cictl_server.services.forges.posting import ForgeClient
from cictl_server.services.secrets import Secrets


class Forges(msgspec.Struct, frozen=True, kw_only=True):
    forges: ForgeService
    delivering: StatusDeliverer

    @classmethod
    def build(cls, core: Core, secrets: Secrets, *, allows_http: bool, steady: Steady, base_url: str) -> Forges:
        """Build the room; forges may be on this machine, and without TLS, only if the server *allows_http*."""
        client = ForgeClient(allows_http=allows_http, user_agent=f"cictl/{core.version}")
        return cls(
            forges=ForgeService(store=core.store, secrets=secrets.own, client=client),
            delivering=StatusDeliverer(
                store=core.store,
                secrets=secrets.own,
                client=client,
                clock=core.clock,
                steady=steady,
                base_url=base_url,
            ),
        )
