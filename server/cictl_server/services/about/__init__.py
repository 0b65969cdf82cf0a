"""What the server says about itself: identity, condition, metrics."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cictl_server.services.about.agreement import Agreement
from cictl_server.services.about.readiness import ReadinessService
from cictl_server.services.about.runtime import RuntimeService
from cictl_server.services.about.scrape import ScrapeService
from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.logs import Logs
from cictl_server.services.secrets import Secrets


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The room.

    Attributes:
        base_url: Where people find the server, without a slash at its end.
    """

    readiness: ReadinessService
    runtime: RuntimeService
    scrape: ScrapeService
    agreement: Agreement
    base_url: str

    @classmethod
    def build(
        cls,
        core: Core,
        fleet: Fleet,
        logs: Logs,
        secrets: Secrets,
        *,
        shared_settings: Mapping[str, str],
        base_url: str,
        served_by: str,
    ) -> About:
        agreement = Agreement(core.signals, shared_settings)
        readiness = ReadinessService(
            store=core.store,
            pulse=core.pulse,
            hub=core.hub,
            disk=core.disk,
            file_watch=core.file_watch,
            key_holders=secrets.own.holders,
        )
        return cls(
            readiness=readiness,
            runtime=RuntimeService(
                presence=fleet.presence,
                clock=core.clock,
                members=core.signals.members,
                disk=core.disk,
                store_kind=core.store.kind,
                blobs=core.blobs,
                agreement=agreement,
                served_by=served_by,
            ),
            agreement=agreement,
            base_url=base_url,
            scrape=ScrapeService(
                metrics=core.metrics,
                store=core.store,
                presence=fleet.presence,
                hub=core.hub,
                waiting_leases=core.waiting_leases,
                signals=core.signals,
                disk=core.disk,
                logs=logs.book,
                readiness=readiness,
                clock=core.clock,
            ),
        )
