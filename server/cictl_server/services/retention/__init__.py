"""How long finished runs, their logs and their artifacts are kept, and what they take."""

from __future__ import annotations

import msgspec

from cictl_server.services.artifacts import Artifacts
from cictl_server.services.audit import Audit
from cictl_server.services.core import Core
from cictl_server.services.jobs import Jobs
from cictl_server.services.logs import Logs
from cictl_server.services.retention.pins import PinService
from cictl_server.services.retention.policies import PolicyService
from cictl_server.services.retention.retention import RetentionService
from cictl_server.services.retention.sweep import Sweep
from cictl_server.services.retention.unplanned import UnplannedRuns
from cictl_server.services.retention.usage import UsageService


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    retention: RetentionService
    policies: PolicyService
    pins: PinService
    sweep: Sweep
    usage: UsageService

    @classmethod
    def build(cls, core: Core, audit: Audit, logs: Logs, artifacts: Artifacts, jobs: Jobs) -> Retention:
        policies = PolicyService(store=core.store)
        sweep = Sweep(core.store, core.blobs, core.clock)
        retention = RetentionService(
            store=core.store,
            policies=policies,
            removal=jobs.removal,
            logs=logs.book,
            files=artifacts.removal,
            stories=artifacts.stories,
            unplanned=UnplannedRuns(store=core.store, policies=policies, clock=core.clock),
            sweep=sweep,
            clock=core.clock,
            trail=audit.trail,
        )
        return cls(
            retention=retention,
            policies=policies,
            pins=PinService(store=core.store),
            sweep=sweep,
            usage=UsageService(store=core.store, metrics=core.metrics),
        )
